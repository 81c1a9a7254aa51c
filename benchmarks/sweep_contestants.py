"""Who takes part in `benchmarks/sweep_speed.py`: each a command that runs a sweep, and the proof that it did."""

import json
import os
import struct
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from benchmarks import ROOT
from benchmarks.sweep_rivals.work import LOG_EVERY

JOBLIB = Path(sys.prefix) / "bench-joblib"
"""Hydra's joblib launcher. Hydra imports all plugins that it finds at each start, and so only one rival may find it."""
LAUNCHER = "hydra_plugins.hydra_joblib_launcher"
SIDE_BY_SIDE = {"TF_NUM_INTRAOP_THREADS": "1"}
"""What makes Keras quicker where there is a process for each core."""
STEPS = 1200
ACCURACIES = (0.93, 0.97)
"""What a run that has trained reaches."""


@dataclass(frozen=True, kw_only=True)
class Contestant:
    """One way to run a sweep."""

    command: Callable[[int, Path, Path], list[str]]
    """From the number of runs, the folder of the arrays, and the folder in which the folders of the runs go."""
    ours: bool = False
    packages: tuple[str, ...] = ()
    """Modules without which it cannot run."""
    variables: Mapping[str, str] = field(default_factory=dict)

    def missing(self) -> str | None:
        """The first module that is not installed."""
        return next((name for name in self.packages if not _installed(name)), None)

    def environment(self) -> dict[str, str]:
        """The variables of its process."""
        if self.ours:
            # What PYTHONPATH has is for the rivals: a user of exp has none of it installed.
            return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | dict(self.variables)
        given = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
        folders = [ROOT, *map(Path, given), *([JOBLIB] if LAUNCHER in self.packages else [])]
        return {
            **os.environ,
            "TF_CPP_MIN_LOG_LEVEL": "3",
            **self.variables,
            "PYTHONPATH": os.pathsep.join(str(folder.absolute()) for folder in folders),
        }


def _installed(module: str) -> bool:
    if module == LAUNCHER:
        return (JOBLIB / Path(*module.split("."))).is_dir()
    return find_spec(module) is not None


def _own(runs: int, data: Path, out: Path) -> list[str]:
    return [sys.executable, str(ROOT / "run.py"), "-m", f"seed=range({runs})", f"hydra.sweep.dir={out}"]


def _search(name: str) -> Callable[[int, Path, Path], list[str]]:
    def command(runs: int, data: Path, out: Path) -> list[str]:
        module = f"benchmarks.sweep_rivals.{name}"
        return [sys.executable, "-m", module, "--runs", str(runs), "--data", str(data), "--out", str(out)]

    return command


def _hydra(*options: str) -> Callable[[int, Path, Path], list[str]]:
    def command(runs: int, data: Path, out: Path) -> list[str]:
        folders = [f"hydra.sweep.dir={out}", "hydra.sweep.subdir=seed-${seed}"]
        module = "benchmarks.sweep_rivals.lightning_hydra"
        return [sys.executable, "-m", module, "-m", f"seed=range({runs})", f"data={data}", *folders, *options]

    return command


CONTESTANTS = {
    "exp sweep": Contestant(command=_own, ours=True),
    "exp sweep, nothing kept": Contestant(command=_own, ours=True, variables={"EXP_COMPILED_STEPS": "0"}),
    "Hydra, Lightning": Contestant(command=_hydra(), packages=("lightning",)),
    "Hydra with joblib, Lightning": Contestant(
        command=_hydra("hydra/launcher=joblib", f"hydra.launcher.n_jobs={os.cpu_count()}", "threads=1"),
        packages=("lightning", LAUNCHER),
    ),
    "Keras Tuner": Contestant(command=_search("keras_tuner_search"), packages=("keras_tuner",)),
    "Ray Tune, Keras": Contestant(command=_search("ray_search"), packages=("ray",), variables=SIDE_BY_SIDE),
    "Optuna, Keras": Contestant(command=_search("optuna_search"), packages=("optuna",), variables=SIDE_BY_SIDE),
}


def proven_accuracies(out: Path, runs: int) -> list[float]:
    """The test accuracies of the runs in a folder, each of which has trained, saved and logged.

    Raises:
        ValueError: telling what a run lacks.
    """
    found = sorted(out.glob("*/results.json"))
    if len(found) != runs:
        raise ValueError(f"{len(found)} of {runs} runs have a result")
    accuracies = [float(json.loads(path.read_text())["test"]["accuracy"]) for path in found]
    for path, accuracy in zip(found, accuracies, strict=True):
        if not ACCURACIES[0] <= accuracy <= ACCURACIES[1]:
            raise ValueError(f"{path.parent.name} has an accuracy of {accuracy}")
        if not any(file.stat().st_size for file in path.parent.glob("checkpoints/*")):
            raise ValueError(f"{path.parent.name} has no checkpoint")
        events = sum(_records(file) for file in path.parent.rglob("events.out.tfevents.*"))
        if events < STEPS // LOG_EVERY:
            raise ValueError(f"{path.parent.name} has {events} records in TensorBoard's files")
    if runs > 1 and len(set(accuracies)) == 1:
        raise ValueError("all seeds gave the same accuracy")
    return accuracies


def _records(path: Path) -> int:
    """The number of records in a file of TensorBoard's: each its length, a checksum, the record, and a checksum."""
    content, place, count = path.read_bytes(), 0, 0
    while place < len(content):
        (length,) = struct.unpack_from("<Q", content, place)
        place, count = place + 8 + 4 + length + 4, count + 1
    return count
