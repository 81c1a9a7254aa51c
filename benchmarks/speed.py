"""`python -m benchmarks.speed`: our four modes beside the handbook's loops, Keras, PyTorch and Lightning, by turns."""

import argparse
import contextlib
import itertools
import json
import os
import pty
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import ROOT
from benchmarks.rivals import RIVALS
from benchmarks.speed_report import write_report
from exp.errors import UserError
from exp.system.provenance import PACKAGES, package_versions
from exp.terminal.progress import track
from exp.tools.program import run_script

DESCRIPTION = """Measure milliseconds a step of MNIST networks, by turns: rivals, and this project's modes.

  python -m benchmarks.speed                                  all of it: about 50 minutes
  python -m benchmarks.speed --networks mlp --batches 50 --rounds 3
  python -m benchmarks.speed --only "exp function" "PyTorch Lightning"

Ours are whole runs of run.py as it is shipped, with checkpoints, summaries and metrics.jsonl; of rivals the bare
step is measured. PyTorch and Lightning take part where they are installed (pip install -e '.[bench]').
"""
TURN_SECONDS = 2.0
"""How long a turn of a rival takes, more or less."""
OWN_SECONDS = 8.0
"""And one of ours, which is a whole run: the wait for its last checkpoint is shared by all its steps."""
FIRST = 40
"""Steps by which a rival shows how long one takes, and warms up; fewer of larger batches."""
OWN_FIRST = {"mlp": 1000, "cnn": 100}
"""Our runs start anew each time: enough steps for many calls after the first one; fewer of larger batches, too."""
FEWEST, OWN_FEWEST = 5, 40
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3"}
OURS = {
    "exp function": ["exec=function"],
    "exp session": ["exec=session"],
    "exp eager": ["exec=eager"],
    "exp fit": ["exec=fit"],
}
PARTS = {
    "no checkpoints": ["checkpoint.every=1000000000"],
    "no summaries": ["summary.every=1000000000"],
    "neither": ["checkpoint.every=1000000000", "summary.every=1000000000"],
    "every step logged": ["summary.every=1"],
    "every step logged, a progress bar": ["summary.every=1"],
}
"""Variants of `exp function`, to see what its parts cost."""
WITH_TERMINAL = "every step logged, a progress bar"


@dataclass
class Rival:
    """A process that trains when it is told to."""

    name: str
    process: "subprocess.Popen[str]"
    messages: Path

    def train(self, steps: int) -> float:
        """Seconds for so many steps."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{self.name} ended:\n{self.messages.read_text()}")
        return float(json.loads(answer))


RESULTS = ROOT / "benchmarks" / "results"


def main() -> int:
    """Run this process's command line; returns the exit status."""
    return run_script(_parser(), lambda arguments: _bench(arguments, ROOT))


def _bench(arguments: argparse.Namespace, root: Path) -> None:
    names = [*RIVALS, *OURS, *PARTS]
    unknown = [name for name in arguments.only if name not in names]
    if unknown:
        raise UserError(f"--only {unknown[0]}: must be one of {', '.join(names)}")
    chosen = [name for name in arguments.only or names if _can_run(name)]
    rows: dict[str, dict[str, list[float]]] = {}
    versions = package_versions([*PACKAGES, "torch", "lightning"])
    report = {"rounds": arguments.rounds, "cores": os.cpu_count(), "packages": versions, "ms_per_step": rows}
    table = ""
    for network in arguments.networks:
        for batch_size in arguments.batches:
            case = f"{network}, batch {batch_size}"
            parts = network == "mlp" and batch_size == 50
            rows[case] = _case(
                [name for name in chosen if name not in PARTS or parts], network, batch_size, arguments.rounds, root
            )
            table = write_report(report, arguments.out)  # what has been measured stays, if this is stopped
    print(table)


def _can_run(name: str) -> bool:
    from importlib.util import find_spec

    package = {"PyTorch, plain loop": "torch", "PyTorch Lightning": "lightning"}.get(name)
    if package is None or find_spec(package):
        return True
    print(f"{name}: is not installed (pip install -e '.[bench]'), and left out")
    return False


def _case(names: Sequence[str], network: str, batch_size: int, rounds: int, root: Path) -> dict[str, list[float]]:
    """Milliseconds a step of each, round by round."""
    figures: dict[str, list[float]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        rivals = {
            name: stack.enter_context(_rival(name, network, batch_size, Path(folder)))
            for name in names
            if name in RIVALS
        }
        own = [f"model={network}", f"data.batch_size={batch_size}", "train.epochs=1000"]
        steps = {name: _warm_steps(rival.train, batch_size) for name, rival in rivals.items()}
        own_first = max(OWN_FEWEST, OWN_FIRST[network] * 50 // batch_size)
        turns = [name for _ in range(rounds) for name in names]
        numbers = itertools.count()
        for name in track(turns, total=len(turns), what=f"{network}, batch {batch_size}"):
            if name in rivals:
                seconds = rivals[name].train(steps[name])
                figures[name].append(seconds / steps[name] * 1000)
                continue
            options = [*own, *OURS.get(name, [*OURS["exp function"], *PARTS.get(name, [])])]

            def train(count: int, options: list[str] = options, name: str = name) -> float:
                where = Path(folder) / f"run{next(numbers)}"
                return _own_run(root, [*options, f"train.steps={count}"], where, terminal=name == WITH_TERMINAL)

            steps[name] = steps.get(name) or _steps(train, first=own_first, seconds=OWN_SECONDS)
            figures[name].append(train(steps[name]) / steps[name] * 1000)
    return figures


def _steps(train: Callable[[int], float], *, first: int, seconds: float) -> int:
    """How many steps fill a turn, at least `first`."""
    return max(first, min(10_000, round(seconds / (train(first) / first))))


def _warm_steps(train: Callable[[int], float], batch_size: int) -> int:
    """The same of a rival, which is warm afterwards."""
    first = max(FEWEST, FIRST * 50 // batch_size)
    train(first)
    return _steps(train, first=first, seconds=TURN_SECONDS)


@contextlib.contextmanager
def _rival(name: str, network: str, batch_size: int, folder: Path) -> Iterator[Rival]:
    command = [sys.executable, "-m", "benchmarks.rival", name, network, str(batch_size)]
    messages = folder / f"{name}.txt"
    with (
        messages.open("w") as errors,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, **QUIET},
            cwd=ROOT,
        ) as process,
    ):
        try:
            yield Rival(name, process, messages)
        finally:
            process.kill()


def _own_run(root: Path, options: Sequence[str], where: Path, *, terminal: bool) -> float:
    """Seconds that a run of run.py took for its steps, as if its first call had been as quick as the others."""
    command = [sys.executable, str(root / "run.py"), *options, f"hydra.run.dir='{where}'", "data.source=bundled"]
    if terminal:
        _on_a_terminal(command)
    else:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    results: Mapping[str, Any] = json.loads((where / "results.json").read_text())
    return float(results["examples"] / results["examples_per_second"])


def _on_a_terminal(command: Sequence[str]) -> None:
    """Run a program that believes to draw for a person."""
    ours, theirs = pty.openpty()

    def read() -> None:
        with contextlib.suppress(OSError):
            while os.read(ours, 65536):
                pass

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    subprocess.run(command, check=True, stdout=theirs)
    os.close(theirs)
    reader.join(5)
    os.close(ours)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=["mlp", "cnn"], choices=["mlp", "cnn"])
    parser.add_argument("--batches", nargs="+", type=int, default=[50, 256, 1024], help="batch sizes (50 256 1024)")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each (5)")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="only these")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where results.json and speed.png go")
    return parser


if __name__ == "__main__":
    sys.exit(main())
