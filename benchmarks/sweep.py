"""`python -m benchmarks.sweep`: what it costs to start a job of a sweep, against a new `python run.py`."""

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from benchmarks import ROOT
from exp.terminal.progress import track
from exp.tools.program import run_script

DESCRIPTION = """Measure the seconds from the launch of a run to the begin of its first step, by turns:
as a new `python run.py`, and as a job of a sweep after the first one.

  python -m benchmarks.sweep
  python -m benchmarks.sweep model=cnn exec=session --jobs 4 --rounds 3
"""


def main() -> int:
    """Run this process's command line; returns the exit status."""
    return run_script(_parser(), lambda arguments: _bench(arguments, ROOT / "run.py"))


def _bench(arguments: argparse.Namespace, program: Path) -> None:
    alone, ways = "python run.py", {f"a job, n_jobs={side_by_side}": side_by_side for side_by_side in (1, 2)}
    seconds: dict[str, list[float]] = {name: [] for name in (alone, *ways)}
    options = [*arguments.overrides, "train.steps=20"]
    with tempfile.TemporaryDirectory() as folder:
        cwd = Path(folder)
        for turn in track(range(arguments.rounds), total=arguments.rounds, what="rounds"):
            for number in range(2):
                seconds[alone].append(_alone(program, options, cwd, f"alone{turn}-{number}"))
            for name, side_by_side in ways.items():
                sweep = [*options, f"seed=range({arguments.jobs + 1})", f"hydra.launcher.n_jobs={side_by_side}"]
                seconds[name] += _jobs(program, sweep, cwd, f"sweep{turn}-{side_by_side}")
    print("seconds from launch to the first step's begin")
    for name, values in seconds.items():
        spread = f"{min(values):.2f} to {max(values):.2f} of {len(values)}"
        print(f"  {name:16} median {statistics.median(values):.2f}, {spread}")


def _alone(program: Path, options: list[str], cwd: Path, name: str) -> float:
    launched = time.time()
    command = [sys.executable, str(program), *options, f"hydra.run.dir={name}"]
    subprocess.run(command, cwd=cwd, check=True, capture_output=True)
    return _first_step(cwd / name) - launched


def _jobs(program: Path, options: list[str], cwd: Path, name: str) -> Iterable[float]:
    sweep = [*options, f"hydra.sweep.dir={name}"]
    subprocess.run([sys.executable, str(program), "-m", *sweep], cwd=cwd, check=True, capture_output=True)
    ledger = json.loads((cwd / name / "sweep.json").read_text())
    for job in ledger["jobs"][1:]:
        launched = datetime.fromisoformat(job["launched"]).timestamp()
        yield _first_step(cwd / job["folder"]) - launched


def _first_step(folder: Path) -> float:
    """When training began, by the run's log: `time.time()`."""
    found = re.search(r"^\[([^]]+)\].*training begins", (folder / "run.log").read_text(), flags=re.MULTILINE)
    assert found, f"{folder}/run.log does not say when training began"
    return datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S,%f").timestamp()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("overrides", nargs="*", help="as for run.py: model=mlp, exec=session, ...")
    parser.add_argument("--jobs", type=int, default=5, help="of each sweep, besides the first one (5)")
    parser.add_argument("--rounds", type=int, default=5, help="how often all is measured (5)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
