"""`scripts/compare.py` where TensorFlow is not to be had, and runs' folders for it."""

import io
import json
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from exp.compare import main
from exp.config.question import parse_question
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
optimizer: {{_target_: exp.optimizer.adam, learning_rate: {learning_rate}}}
seed: {seed}
mode: train
"""


def write_run(
    folder: Path,
    *,
    accuracy: float | None,
    model="mlp",
    batch_size=50,
    buffer_size=1,
    seed=0,
    learning_rate=0.001,
    status="completed",
    weights: str | None = None,
    manifest: Mapping[str, Any] | None = None,
    results: Mapping[str, Any] | None = None,
    config: str = "",
) -> None:
    """A run's folder, without what is not compared.

    Without an accuracy the run was killed, and has no results; if it is not completed, it has no figures of a test.
    Its weights are known by the name of its folder, unless they are given.
    `manifest` and `results` are further keys, and `config` further lines.
    """
    (folder / ".hydra").mkdir(parents=True)
    values = {"model": model, "batch_size": batch_size, "buffer_size": buffer_size, "learning_rate": learning_rate}
    (folder / ".hydra" / "config.yaml").write_text(CONFIG.format(**values, seed=seed) + config)
    overrides = [f"{key}={values[name]}" for key, name in KEYS.items()]
    (folder / ".hydra" / "overrides.yaml").write_text("".join(f"- {text}\n" for text in (*overrides, f"seed={seed}")))
    facts = {"git": {"commit": "abc", "dirty": False}, "packages": {"numpy": "2"}, "started": f"{seed}"}
    (folder / "manifest.json").write_text(json.dumps({**facts, **(manifest or {})}))
    rows = [{"step": step, "loss": 2.0 / step} for step in range(10, 110, 10)]
    (folder / "metrics.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    if accuracy is not None:
        test = {"loss": 1 - accuracy, "accuracy": accuracy} if status == "completed" else {"loss": None}
        written = {
            **{"status": status, "step": 100, "train": {"loss": 0.02}, "examples_per_second": 1000.4},
            **{"test": test, "weights_sha256": weights or folder.name, **(results or {})},
        }
        (folder / "results.json").write_text(json.dumps(written))


KEYS = {
    "model": "model",
    "data.batch_size": "batch_size",
    "data.buffer_size": "buffer_size",
    "optimizer.learning_rate": "learning_rate",
}
"""The overrides of a run, by their keys."""


def compare(*arguments: object) -> subprocess.CompletedProcess[str]:
    """`python scripts/compare.py ARGUMENTS`; importing TensorFlow would be an error."""
    program = str(ROOT / "scripts" / "compare.py")
    return LIGHT.run("-c", NO_TENSORFLOW, program, *map(str, arguments), cwd=Path.cwd())


def verdicts(*arguments: object) -> dict[str, Any]:
    """What `compare.py ARGUMENTS --json` prints, without a process of its own."""
    output, errors = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(output), redirect_stderr(errors):
        patch.setattr(sys, "argv", ["compare.py", *map(str, arguments), "--json"])
        patch.setattr(main, "outlast", lambda: None)
        status = main.main()
    assert (status, errors.getvalue()) == (0, "")
    document: dict[str, Any] = json.loads(output.getvalue())
    return document


QUESTION = {"factor": "data.batch_size", "baseline": 50, "seeds": 3}
BEGAN = "2026-01-02T03:04:05+00:00"


def write_registered(
    folder: Path, *, seeds=3, question: Mapping[str, Any] = QUESTION, of_runs: Mapping[str, Any] = QUESTION, began=BEGAN
) -> Path:
    """A sweep over batch sizes that was begun with a question; `of_runs` is the one whose digest its runs have."""
    asked, of_run = parse_question(question), parse_question(of_runs)
    assert asked is not None
    assert of_run is not None
    for size in (50, 100):
        for seed in range(seeds):
            facts = {"sweep": {"question_sha256": of_run.sha256}, "started": began}
            write_run(
                folder / f"b{size}-{seed}",
                accuracy=0.9 + seed / 100 + size / 2000,
                batch_size=size,
                seed=seed,
                manifest=facts,
            )
    jobs = [{"name": path.name, "status": "completed"} for path in sorted(folder.iterdir())]
    ledger = {
        "jobs": jobs,
        "started": "2026-01-02T03:04:05.678+00:00",
        "question": asked.plain(),
        "question_sha256": asked.sha256,
    }
    (folder / "sweep.json").write_text(json.dumps(ledger))
    return folder
