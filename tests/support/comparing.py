"""`scripts/compare.py` where TensorFlow is not to be had, and runs' folders for it."""

import json
import subprocess
from pathlib import Path

from tests.support.programs import LIGHT
from tests.support.root import ROOT

NO_TENSORFLOW = """
import runpy, sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("tensorflow", "keras"):
            raise SystemExit(f"imported {name}")
sys.meta_path.insert(0, Refuse())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
CONFIG = """
model: {{_target_: exp.model.{model}.create, hidden: 100}}
data: {{_target_: exp.data.mnist.load, batch_size: {batch_size}, buffer_size: {buffer_size}}}
exec: {{name: function, jit_compile: false}}
device: {{name: all, threads: null}}
optimizer: {{_target_: exp.optimizer.adam, learning_rate: 0.001}}
seed: {seed}
mode: train
"""


def write_run(folder: Path, *, accuracy: float | None, model="mlp", batch_size=50, buffer_size=1, seed=0) -> None:
    """A run's folder, without what is not compared."""
    (folder / ".hydra").mkdir(parents=True)
    values = {"model": model, "batch_size": batch_size, "buffer_size": buffer_size, "seed": seed}
    (folder / ".hydra" / "config.yaml").write_text(CONFIG.format(**values))
    manifest = {"git": {"commit": "abc", "dirty": seed == 1}, "packages": {"numpy": "2"}, "started": f"{seed}"}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    rows = [{"step": step, "loss": 2.0 / step} for step in range(10, 110, 10)]
    (folder / "metrics.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    if accuracy is not None:
        results = {
            **{"status": "completed", "step": 100, "train": {"loss": 0.02}, "examples_per_second": 1000.4},
            **{"test": {"loss": 1 - accuracy, "accuracy": accuracy}, "weights_sha256": f"{folder.name}"},
        }
        (folder / "results.json").write_text(json.dumps(results))


def compare(*arguments: object) -> subprocess.CompletedProcess[str]:
    """`python scripts/compare.py ARGUMENTS`; importing TensorFlow would be an error."""
    program = str(ROOT / "scripts" / "compare.py")
    return LIGHT.run("-c", NO_TENSORFLOW, program, *map(str, arguments), cwd=Path.cwd())
