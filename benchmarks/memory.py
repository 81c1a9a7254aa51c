"""`python -m benchmarks.memory`: whether a long run's memory stays flat."""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import ROOT
from exp.errors import UserError
from exp.tools.program import run_script

DESCRIPTION = """Watch the resident memory of a long run, tenth by tenth (Linux).

  python -m benchmarks.memory
  python -m benchmarks.memory exec=session --steps 100000
"""


def main() -> int:
    """Run this process's command line; returns the exit status."""
    return run_script(_parser(), lambda arguments: _bench(arguments, ROOT / "run.py"))


def _bench(arguments: argparse.Namespace, program: Path) -> None:
    if not Path("/proc/self/status").exists():
        raise UserError("the memory of a process is read from /proc, which this system does not have")
    with tempfile.TemporaryDirectory() as folder:
        options = [f"train.steps={arguments.steps}", f"hydra.run.dir={folder}/run", *arguments.overrides]
        process = subprocess.Popen([sys.executable, str(program), *options], stdout=subprocess.DEVNULL)
        samples: dict[int, int] = {}
        while process.poll() is None:
            step = _step(Path(folder) / "run" / "metrics.jsonl")
            memory = _resident(process.pid)
            if step and memory:
                samples[step] = memory
            time.sleep(0.2)
    if process.returncode or not samples:
        raise UserError(f"the run ended with status {process.returncode}, after {len(samples)} looks at its memory")
    print("step    resident memory")
    for tenth in range(1, 11):
        step = max((s for s in samples if s <= arguments.steps * tenth / 10), default=min(samples))
        print(f"{step:<7} {samples[step] / 1024:.1f} MB")


def _step(metrics: Path) -> int:
    """The last step that was logged."""
    try:
        with metrics.open("rb") as file:
            file.seek(max(0, metrics.stat().st_size - 400))
            lines = [line for line in file.read().splitlines() if line.startswith(b"{") and line.endswith(b"}")]
    except OSError:
        return 0
    return int(json.loads(lines[-1])["step"]) if lines else 0


def _resident(process: int) -> int:
    """Kilobytes."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("overrides", nargs="*", help="as for run.py: model=mlp, exec=session, ...")
    parser.add_argument("--steps", type=int, default=50_000, help="of the run (50000)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
