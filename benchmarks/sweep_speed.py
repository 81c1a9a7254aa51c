"""`python -m benchmarks.sweep_speed`: a whole sweep, beside Lightning under Hydra, Keras Tuner, Ray Tune and Optuna."""

import argparse
import itertools
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import ROOT
from benchmarks.sweep_contestants import CONTESTANTS, proven_accuracies
from benchmarks.sweep_report import write_report
from exp.data.mnist import bundled_arrays
from exp.errors import UserError
from exp.system.provenance import PACKAGES, code_of, package_versions
from exp.terminal.progress import track
from exp.tools.program import run_script

DESCRIPTION = """Measure wall time, CPU time and peak memory of a sweep over seeds, by turns: ours, and others (Linux).
Each run trains the mlp for an epoch of MNIST, saves every 100 steps, logs every 10 for TensorBoard, and tests.

  python -m benchmarks.sweep_speed                            all of it: about half an hour
  python -m benchmarks.sweep_speed --runs 6 --rounds 1
  python -m benchmarks.sweep_speed --contestants "exp sweep" "Optuna, Keras"

Others take part where they are installed: `make bench` puts them into folders of their own. Ours may take compiled
steps that earlier runs kept, as a second sweep does; `exp sweep, nothing kept` compiles its own.
"""
RESULTS = ROOT / "benchmarks" / "results"
SHOWN = ROOT / "docs" / "images" / "sweep-speed.png"
OTHERS = ("torch", "lightning", "hydra-joblib-launcher", "joblib", "keras-tuner", "ray", "optuna")


def main() -> int:
    """Run this process's command line; returns the exit status."""
    return run_script(_parser(), _bench)


def _bench(arguments: argparse.Namespace) -> None:
    unknown = [name for name in arguments.contestants if name not in CONTESTANTS]
    if unknown:
        raise UserError(f"--contestants {unknown[0]}: must be one of {'; '.join(CONTESTANTS)}")
    names = [name for name in arguments.contestants or CONTESTANTS if _can_run(name)]
    rounds: dict[str, list[dict[str, float]]] = {}
    report = {"runs": arguments.runs, **_circumstances(), "rounds": rounds}
    table = ""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        _write_arrays(data)
        turns = [name for _ in range(arguments.rounds) for name in names]
        for number, name in zip(itertools.count(), track(turns, total=len(turns), what="sweeps"), strict=False):
            rounds.setdefault(name, []).append(_measured(name, arguments.runs, data, Path(folder) / str(number)))
            table = write_report(report, arguments.out)  # what has been measured stays, if this is stopped
    if arguments.out.resolve() == RESULTS:
        shutil.copyfile(RESULTS / "sweep.png", SHOWN)
    print(table)


def _can_run(name: str) -> bool:
    missing = CONTESTANTS[name].missing()
    if missing is None:
        return True
    print(f"{name}: {missing} is not installed (make bench), and it is left out")
    return False


def _write_arrays(folder: Path) -> None:
    """Write what the rivals read, so that it costs them nearly nothing."""
    folder.mkdir()
    for split in ("train", "test"):
        pictures, labels = bundled_arrays(split)
        np.save(folder / f"{split}_pictures.npy", pictures)
        np.save(folder / f"{split}_labels.npy", labels)


def _measured(name: str, runs: int, data: Path, folder: Path) -> dict[str, float]:
    """What a sweep took, which is gone afterwards, and the mean accuracy of its runs.

    Raises:
        RuntimeError: it did not do what it is measured for.
    """
    contestant, out, messages = CONTESTANTS[name], folder / "sweep", folder / "messages.txt"
    folder.mkdir()
    measure = [sys.executable, str(ROOT / "benchmarks" / "measured.py"), "--"]
    with (
        messages.open("w") as stream,
        subprocess.Popen(
            [*measure, *contestant.command(runs, data, out)],
            cwd=folder,
            env={**contestant.environment(), "RAY_TMPDIR": str(folder)},
            stdout=subprocess.PIPE,
            stderr=stream,
            text=True,
        ) as process,
    ):
        try:
            answer, _ = process.communicate()
        finally:
            process.terminate()  # it ends what it has started; if it has ended by itself, this does nothing
            process.wait()
    try:
        if process.returncode:
            raise ValueError(f"the status is {process.returncode}")
        accuracies = proven_accuracies(out, runs)
    except ValueError as error:
        raise RuntimeError(f"{name}: {error}\n{messages.read_text(errors='replace')}") from error
    shutil.rmtree(folder)
    found: Mapping[str, float] = json.loads(answer)
    return {**found, "accuracy": statistics.mean(accuracies)}


def _circumstances() -> dict[str, Any]:
    """The machine, the versions and the commit."""
    machine = {
        "processor": _line("/proc/cpuinfo", "model name"),
        "cores": os.cpu_count(),
        "memory": _line("/proc/meminfo", "MemTotal"),
        "system": platform.platform(),
        "python": platform.python_version(),
    }
    return {
        "commit": code_of(()).facts["exp_commit"],
        "machine": machine,
        "packages": package_versions(tuple(dict.fromkeys([*PACKAGES, "hydra-core", *OTHERS]))),
    }


def _line(file: str, name: str) -> str | None:
    """What follows a name in a file of `/proc`."""
    lines: Sequence[str] = Path(file).read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), None)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=24, help="of each sweep (24)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each (3)")
    parser.add_argument("--contestants", nargs="+", default=[], metavar="NAME", help="only these")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where sweep.md, sweep.json and sweep.png go")
    return parser


if __name__ == "__main__":
    sys.exit(main())
