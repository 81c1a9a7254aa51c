"""`python -m benchmarks.workers`: a step of local workers beside one of virtual devices, and the all-reduce alone."""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks import ROOT
from benchmarks.all_reduce import PARAMETERS
from exp.errors import UserError
from exp.run_folder.read import results_if_any
from exp.terminal.progress import track
from exp.tools.program import run_script

DESCRIPTION = """Measure milliseconds a step for 1, 2 and 4 workers on this machine, by turns with virtual devices.

  python -m benchmarks.workers
  python -m benchmarks.workers --networks mlp --workers 1 2 --rounds 5

The figures are those of whole runs without their first call; "all-reduce" is that of the network's gradients alone.
"""
STEPS = {"mlp": 1000, "cnn": 60}
BATCH = 50
_QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3"}


def main() -> int:
    """Run this process's command line; returns the exit status."""
    return run_script(_parser(), lambda arguments: _bench(arguments, ROOT / "run.py"))


def _bench(arguments: argparse.Namespace, program: Path) -> None:
    cases = [
        (network, count, layout)
        for network in arguments.networks
        for count in arguments.workers
        for layout in ("virtual", "workers", "all-reduce")
        if count > 1 or layout == "virtual"
    ]
    figures: dict[tuple[str, int, str], list[float]] = {case: [] for case in cases}
    turns = [case for _ in range(arguments.rounds) for case in cases]
    with tempfile.TemporaryDirectory() as folder:
        for number, case in enumerate(track(turns, total=len(turns), what="bench")):
            network, count, layout = case
            if layout == "all-reduce":
                figures[case].append(_all_reduce(network, count))
            else:
                figures[case].append(_step(program, network, count, layout, Path(folder) / str(number)))
    print("\n".join(_table(figures)))


def _step(program: Path, network: str, count: int, layout: str, folder: Path) -> float:
    """Milliseconds of a step in a run."""
    device = f"device.count={count}" if layout == "virtual" else f"device.local={count}"
    options = [
        *(f"model={network}", f"device={layout}", device, f"train.steps={STEPS[network]}", f"data.batch_size={BATCH}"),
        *("exec.jit_compile=false", "checkpoint.every=1000000000", "summary.every=1000000000"),
        f"hydra.run.dir={folder}",
    ]
    done = subprocess.run([sys.executable, str(program), *options], capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"a run ended with status {done.returncode}: {done.stderr.strip() or done.stdout.strip()}")
    return 1000 * BATCH / float(results_if_any(folder)["examples_per_second"])


def _all_reduce(network: str, count: int) -> float:
    """Milliseconds in which so many processes sum the gradients of a network."""
    servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    addresses = [f"127.0.0.1:{server.getsockname()[1]}" for server in servers]
    for server in servers:
        server.close()
    processes = []
    for index in range(count):
        config = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        environment = {**os.environ, **_QUIET, "TF_CONFIG": json.dumps(config)}
        command = [sys.executable, "-m", "benchmarks.all_reduce", network]
        processes.append(
            subprocess.Popen(
                command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT
            )
        )
    said = [process.communicate()[0] for process in processes]
    if any(process.returncode for process in processes):
        raise UserError("a process of the all-reduce failed")
    return max(float(one) for one in said)


def _table(figures: dict[tuple[str, int, str], list[float]]) -> Iterator[str]:
    yield f"ms a step, batch {BATCH} over all replicas; medians of {_rounds(figures)} rounds (lowest to highest)"
    yield ""
    yield "| network | replicas | bytes of gradients | virtual devices | workers | all-reduce alone |"
    yield "|---|---:|---:|---:|---:|---:|"
    for network, count in dict.fromkeys((network, count) for network, count, _ in figures):
        size = 4 * sum(_product(shape) for shape in PARAMETERS[network]) if count > 1 else 0
        cells = (_cell(figures.get((network, count, layout), [])) for layout in ("virtual", "workers", "all-reduce"))
        yield f"| {network} | {count} | {size:,} | {' | '.join(cells)} |"


def _rounds(figures: dict[Any, list[float]]) -> int:
    return max(map(len, figures.values()), default=0)


def _cell(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})" if values else ""


def _product(shape: Sequence[int]) -> int:
    size = 1
    for length in shape:
        size *= length
    return size


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", choices=list(STEPS), default=list(STEPS), help="which (mlp cnn)")
    parser.add_argument("--workers", nargs="+", type=int, default=[1, 2, 4], help="how many (1 2 4)")
    parser.add_argument("--rounds", type=int, default=3, help="of all cases, by turns (3)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
