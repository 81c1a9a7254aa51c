"""`python -m benchmarks.checkpoints`: what saving costs a training, and how long it takes to verify a checkpoint."""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import ROOT
from exp.system.tensorflow import import_tensorflow
from exp.terminal.progress import track
from exp.tools.program import run_script

DESCRIPTION = """Measure checkpoints: steps a second with and without them, in turn, and verifying one of 40 MB.

  python -m benchmarks.checkpoints
  python -m benchmarks.checkpoints model=mlp exec=session --every 50 --rounds 9
"""
NEVER = 10**9


def main() -> int:
    """Run this process's command line; returns the exit status."""
    return run_script(_parser(), lambda arguments: _bench(arguments, ROOT / "run.py"))


def _bench(arguments: argparse.Namespace, program: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        rates: dict[int, list[float]] = {arguments.every: [], NEVER: []}
        turns = [every for _ in range(arguments.rounds) for every in rates]
        for number, every in enumerate(track(turns, total=len(turns), what="measuring")):
            options = [*arguments.overrides, f"train.steps={arguments.steps}", f"checkpoint.every={every}"]
            results = _run(program, options, Path(folder), f"run{number}")
            rates[every].append(results["examples_per_second"] * results["step"] / results["examples"])
        _run(program, ["model=cnn", "train.steps=1", "data.limit=50"], Path(folder), "large")
        with_saves, without = (statistics.median(values) for values in rates.values())
        pairs = [one / other for one, other in zip(*rates.values(), strict=True)]
        print(f"with checkpoint.every={arguments.every}: {with_saves:.0f} steps/s, without: {without:.0f} steps/s")
        print(f"ratio of medians {with_saves / without:.3f}, median ratio of pairs {statistics.median(pairs):.3f}")
        _verify(Path(folder) / "large" / "checkpoints" / "ckpt-1")


def _run(program: Path, options: list[str], cwd: Path, name: str) -> dict[str, float]:
    command = [sys.executable, str(program), *options, f"hydra.run.dir={name}"]
    subprocess.run(command, cwd=cwd, check=True, capture_output=True)
    results: dict[str, float] = json.loads((cwd / name / "results.json").read_text())
    return results


def _verify(prefix: Path) -> None:
    import_tensorflow()
    from exp.checkpoint import read_record

    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        record = read_record(prefix)
        seconds.append(time.perf_counter() - started)
    megabytes = sum(file.size for file in record.files.values()) / 1e6
    print(f"a checkpoint of {megabytes:.1f} MB is verified in {statistics.median(seconds):.3f} s")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("overrides", nargs="*", help="as for run.py: model=mlp, exec=session, ...")
    parser.add_argument("--every", type=int, default=100, help="steps between two checkpoints (100)")
    parser.add_argument("--steps", type=int, default=6000, help="steps of each run (6000)")
    parser.add_argument("--rounds", type=int, default=7, help="runs with and without checkpoints (7)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
