"""`python -m benchmarks.measured -- COMMAND`: seconds, CPU seconds and peak memory of all processes of a command."""

import argparse
import contextlib
import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

DESCRIPTION = """Run a command, end what it leaves behind, and print what all of its processes took, as a line of JSON
(Linux). What the command prints goes to stderr.

  python -m benchmarks.measured -- python run.py train.steps=100
"""
SECONDS_BETWEEN_LOOKS = 1.0
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
TICKS = os.sysconf("SC_CLK_TCK")


def main() -> int:
    """Run this process's command line; returns the exit status of the command."""
    command = _parser().parse_args().command
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)  # the processes of the command end with this one, and with who began it
    facts = measure(command)
    print(json.dumps(facts), flush=True)
    status = int(facts["status"])
    return status if status >= 0 else 128 - status


def measure(command: Sequence[str]) -> dict[str, float]:
    """Run a command to its end; afterwards none of its processes is left.

    Returns:
        `status`: of the command; a signal that ended it is negative. `wall_seconds`: from its start to its end.
        `cpu_seconds`: of all processes, in user and system mode. `peak_mb`: the largest sum of their proportional
        set sizes (PSS) that was seen, in 10^6 bytes: memory that several processes share counts once.
    """
    _prctl(PR_SET_CHILD_SUBREAPER, 1)  # a descendant that loses its parent gets this one, and can be found and counted
    seen, ended = _Seen(), threading.Event()
    watcher = threading.Thread(target=seen.watch, args=(ended,))
    started = time.perf_counter()
    try:
        process = subprocess.Popen(command, stdout=sys.stderr)
        watcher.start()
        status = process.wait()
        wall = time.perf_counter() - started
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # a second one must not stop the cleaning
        ended.set()
        if watcher.ident is not None:
            watcher.join()
        _end_the_rest()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    # The second of these has the children of processes that ignore SIGCHLD, as Ray's raylet does, which the kernel
    # counts nowhere; but it lacks what each process did after the last look at it.
    cpu = max(used.ru_utime + used.ru_stime, sum(seen.ticks.values()) / TICKS)
    return {"status": status, "wall_seconds": wall, "cpu_seconds": cpu, "peak_mb": seen.peak / 1e6}


def _prctl(option: int, value: int) -> None:
    """Set an attribute of this process."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), f"prctl({option})")


@dataclass
class _Seen:
    """What was seen of the processes while they ran."""

    ticks: dict[tuple[int, int], int] = field(default_factory=dict)
    """CPU time of each process itself, by its number and the time of its start: numbers are given again."""
    peak: int = 0
    """Bytes."""

    def watch(self, ended: threading.Event) -> None:
        """Look now and then, until the command has ended."""
        while not ended.is_set():
            self.look()
            ended.wait(SECONDS_BETWEEN_LOOKS)
        self.look()

    def look(self) -> None:
        """At all descendants of this process."""
        memory = 0
        for process in _descendants():
            self.ticks[process.number, process.started] = process.ticks
            memory += _memory(process.number)
        self.peak = max(self.peak, memory)


@dataclass(frozen=True)
class _Process:
    number: int
    parent: int
    started: int
    ticks: int


def _descendants() -> list[_Process]:
    """All processes that descend from this one."""
    children: dict[int, list[_Process]] = {}
    for process in _processes():
        children.setdefault(process.parent, []).append(process)
    found, parents = [], [os.getpid()]
    while parents:
        below = children.get(parents.pop(), [])
        found += below
        parents += [process.number for process in below]
    return found


def _processes() -> Iterator[_Process]:
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            # The name of the program, in brackets, may hold anything.
            facts = path.read_text(errors="replace").rpartition(")")[2].split()
            ticks = int(facts[11]) + int(facts[12])
            yield _Process(int(path.parent.name), parent=int(facts[1]), started=int(facts[19]), ticks=ticks)


def _memory(number: int) -> int:
    """The proportional set size of a process in bytes; 0 of one that has ended."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{number}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def _end_the_rest() -> None:
    """Kill what is left behind, and wait for it: only then its CPU time counts."""
    while True:
        for process in _descendants():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.number, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", nargs="+", help="what to run, after --")
    return parser


if __name__ == "__main__":
    sys.exit(main())
