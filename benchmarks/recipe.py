"""`python -m benchmarks.recipe`: what the parts of a recipe cost: validation, clipping, averages and others."""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import ROOT
from exp.terminal.progress import track
from exp.tools.program import run_script

DESCRIPTION = """Measure the milliseconds of a training step with each part of the recipe, by turns with the plain step,
on as many examples. What an evaluation itself takes is not counted: the rest is what validating costs besides.

  python -m benchmarks.recipe
  python -m benchmarks.recipe --rounds 9 model=cnn train.steps=300
"""

SET_APART = 6000
PLAIN = "plain"
PARTS = {
    PLAIN: [f"data.limit={60_000 - SET_APART}"],
    "validation": [f"data.validation={SET_APART}"],
    "validate_every=100": [f"data.validation={SET_APART}", "train.validate_every=100"],
    "clip_norm": [f"data.limit={60_000 - SET_APART}", "train.clip_norm=1.0"],
    "ema": [f"data.limit={60_000 - SET_APART}", "train.ema=0.999"],
    "schedule": [f"data.limit={60_000 - SET_APART}", "schedule=cosine"],
    "accumulate=5": [f"data.limit={60_000 - SET_APART}", "train.accumulate=5"],
    "mixed_bfloat16": [f"data.limit={60_000 - SET_APART}", "train.precision=mixed_bfloat16"],
}


def main() -> int:
    """Run this process's command line; returns the exit status."""
    return run_script(_parser(), _bench)


def _bench(arguments: argparse.Namespace) -> None:
    parts = {name: PARTS[name] for name in (PLAIN, *arguments.only)} if arguments.only else PARTS
    found: dict[str, list[float]] = {name: [] for name in parts}
    with tempfile.TemporaryDirectory() as folder:
        for turn in track(range(arguments.rounds), total=arguments.rounds, what="rounds"):
            names = list(parts) if turn % 2 else list(reversed(parts))
            for name in names:
                options = [*arguments.overrides, *parts[name], f"hydra.run.dir={turn}-{names.index(name)}"]
                found[name].append(_milliseconds(options, Path(folder)))
    print("milliseconds of a step, and the median of the rounds' ratios to the plain step")
    for name, values in found.items():
        ratios = [value / plain for value, plain in zip(values, found[PLAIN], strict=True)]
        print(f"  {name:16} {statistics.median(values):8.3f}  {statistics.median(ratios):.3f}")


def _milliseconds(options: list[str], cwd: Path) -> float:
    """Of a step, without the first call, which builds graphs, and without evaluations."""
    subprocess.run([sys.executable, str(ROOT / "run.py"), *options], cwd=cwd, check=True, capture_output=True)
    run = cwd / options[-1].partition("=")[2]
    results = json.loads((run / "results.json").read_text())
    first_call = json.loads((run / "manifest.json").read_text())["steps_per_call"]
    seconds = results["seconds"]
    spent: float = seconds["train"] - seconds["first_step"] - (seconds["validation"] or 0.0)
    return 1000 * spent / int(results["step"] - first_call)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("overrides", nargs="*", help="as for run.py: model=cnn, exec=session, ...")
    parser.add_argument("--rounds", type=int, default=5, help="how often all is measured (5)")
    parser.add_argument("--only", action="append", default=[], choices=list(PARTS)[1:], help="this part, besides plain")
    return parser


if __name__ == "__main__":
    sys.exit(main())
