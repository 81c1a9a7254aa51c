"""`python -m benchmarks.gpu`: a training step on a GPU, ours beside Keras, the handbook's loop and PyTorch."""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks import ROOT
from benchmarks.gpu_contestant import CARD, TORCH
from benchmarks.gpu_measure import FULL, QUICK, SMOKE_PACE, START_SECONDS, Pace, measure
from benchmarks.gpu_process import Contestant, ContestantError
from benchmarks.gpu_report import Case, table, write
from benchmarks.gpu_work import PRECISIONS, SMOKE, WORKS
from exp.errors import UserError
from exp.system.machine import has_gpu
from exp.system.provenance import PACKAGES, package_versions
from exp.tools.program import run_script, say

DESCRIPTION = """Measure milliseconds of a training step on a GPU, by turns, and how much of the card it uses.

  python -m benchmarks.gpu                       all of it: about 20 minutes
  python -m benchmarks.gpu --quick               fewer cases and shorter turns: about 4 minutes
  python -m benchmarks.gpu --works resnet50 --only exp "Keras fit"
  python -m benchmarks.gpu --cpu-smoke           tiny sizes without a GPU, to see that everything works

All train on the same uint8 pictures in the host's memory, which go to the device batch by batch, with Adam.
TensorFloat-32 is on for all. Rivals fetch the loss every 100 steps; ours gives the loss of each step, once a call.
On a GPU Keras compiles its step with XLA unless it is told not to, and here it is not.
PyTorch takes part if it is installed, here or in the Python of --torch-python.
"""
NAMES = (
    *("exp", "exp, deterministic=false", "exp, XLA", "exp, XLA, deterministic=false"),
    *("Keras fit", "handbook, @tf.function", *TORCH),
)
CASES = [
    *(("cnn-50", "float32"), ("cnn-50", "bfloat16"), ("photographs", "float32"), ("cnn-512", "bfloat16")),
    *(("cnn-512", "float32"), ("photographs", "bfloat16"), ("resnet50", "bfloat16"), ("resnet50", "float32")),
]
"""Networks and precisions in the order of their turns. The large network comes last: its contestants keep the memory
of the card that they took."""
NOT_QUICK = [("cnn-512", "float32"), ("photographs", "bfloat16")]
LARGE = "resnet50"
NOT_LARGE = ("exp, XLA",)
"""Contestants that the large network goes without, so that the others have room on the card side by side."""
SLOW_TO_BUILD = ("exp, XLA, deterministic=false", "Keras fit", "torch.compile")
"""What `--quick` has no time to compile for the large network in float32, too."""
Start = Callable[[str, str], Contestant]


def main() -> int:
    """Run this process's command line; returns the exit status."""
    return run_script(_parser(), _bench)


def _bench(arguments: argparse.Namespace) -> None:
    if not has_gpu() and not arguments.cpu_smoke:
        raise UserError("there is no GPU here; --cpu-smoke tries everything in tiny sizes on a CPU")
    works = SMOKE if arguments.cpu_smoke else WORKS
    pace = SMOKE_PACE if arguments.cpu_smoke else QUICK if arguments.quick else FULL
    cases = [
        (work, precision)
        for work, precision in CASES
        if work in arguments.works and precision in arguments.precisions
        if not arguments.quick or (work, precision) not in NOT_QUICK
    ]
    names = [name for name in arguments.only or NAMES if _can_run(name, arguments.torch_python)]
    report: dict[str, Any] = {
        "card": _card(),
        "packages": package_versions([*PACKAGES, "torch"]),
        "pace": asdict(pace),
        "peaks": {},
        "cases": [],
    }
    ends = time.monotonic() + pace.total
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:

        def start(name: str, precision: str) -> Contestant:
            python = arguments.torch_python if name in TORCH else None
            return stack.enter_context(Contestant(name, precision, folder=Path(folder), python=python))

        started = _start_all(names, cases, start) if arguments.quick else {}
        with start(CARD, "float32") as card:
            report["peaks"] = _peaks(card, pace)
            counted = {work: _ask(card, {"flops": asdict(works[work])}).get("flops") for work, _ in cases}
        for work, precision in cases:
            case = Case(works[work].title, precision, works[work].batch_size, counted[work])
            if ends - time.monotonic() < 15:
                case.failed["the whole case"] = "no time was left"
            else:
                taking_part = [name for name in names if _takes_part(name, work, precision, quick=arguments.quick)]
                contestants = {name: _alive(started, name, precision, start) for name in taking_part}
                measure(case, works[work], contestants, pace, ends)
            report["cases"].append(case.plain())
            write(report, arguments.out)  # what has been measured stays, if this is stopped
            say(table([case.plain()], report["peaks"]))
            if work == LARGE or not arguments.quick:
                _end(started, precision)


def _start_all(names: list[str], cases: list[tuple[str, str]], start: Start) -> dict[tuple[str, str], Contestant]:
    """All contestants side by side, because what they import takes long."""
    precisions = dict.fromkeys(precision for _, precision in cases)
    started = {(name, precision): start(name, precision) for precision in precisions for name in names}
    for one in started.values():
        with contextlib.suppress(ContestantError):  # it is named when it is to train
            one.wait_until_started(START_SECONDS)
    return started


def _alive(started: dict[tuple[str, str], Contestant], name: str, precision: str, start: Start) -> Contestant:
    """A contestant; a new one if there is none, or if it has ended."""
    one = started.get((name, precision))
    if one is None or not one.is_alive:
        one = started[name, precision] = start(name, precision)
    return one


def _end(started: Mapping[tuple[str, str], Contestant], precision: str) -> None:
    """End the contestants of a precision, so that the others have the card's memory."""
    for (_, own), one in started.items():
        if own == precision:
            one.close()


def _takes_part(name: str, work: str, precision: str, *, quick: bool) -> bool:
    if work != LARGE:
        return True
    return name not in NOT_LARGE and not (quick and precision == "float32" and name in SLOW_TO_BUILD)


def _peaks(card: Contestant, pace: Pace) -> dict[str, float | None]:
    """TFLOP/s of large matrix products, by precision; float32 is TensorFloat-32 on a card that has it."""
    asked = {"size": pace.matmul, "seconds": min(1.0, pace.turn)}
    found = {precision: _ask(card, {"peak": precision, **asked}).get("tflops") for precision in PRECISIONS}
    for precision, tflops in found.items():
        say(f"the card, {precision}: {'unknown' if tflops is None else f'{tflops:.1f} TFLOP/s'}")
    return found


def _ask(card: Contestant, request: dict[str, Any]) -> dict[str, Any]:
    try:
        card.wait_until_started(START_SECONDS)
        return card.ask(request, START_SECONDS)
    except ContestantError as error:
        say(f"{CARD}: {error}")
        return {}


def _can_run(name: str, torch_python: Path | None) -> bool:
    if name not in NAMES:
        raise UserError(f"--only {name}: must be one of {', '.join(NAMES)}")
    if name not in TORCH or torch_python or find_spec("torch"):
        return True
    say(f"{name}: PyTorch is not installed, and it is left out")
    return False


def _card() -> str | None:
    command = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    with contextlib.suppress(OSError):
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer cases and shorter turns")
    parser.add_argument("--cpu-smoke", action="store_true", help="tiny sizes, with or without a GPU")
    parser.add_argument("--works", nargs="+", default=list(WORKS), choices=list(WORKS), help="only these")
    parser.add_argument("--precisions", nargs="+", default=list(PRECISIONS), choices=PRECISIONS, help="only these")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="only these contestants")
    parser.add_argument("--torch-python", type=Path, default=None, metavar="PYTHON", help="which has PyTorch")
    out = Path(os.environ.get("OUT") or ROOT / "benchmarks" / "results")
    parser.add_argument("--out", type=Path, default=out, help="where gpu.json and gpu.md go ($OUT)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
