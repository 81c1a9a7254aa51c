"""The whole recipe of a training: the same numbers in every mode and on replicas, and exact when it is killed."""

import random
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conformance.test_matrix import DEVICES
from tests.support.jobs import Jobs, Runs, losses, metrics, results

MODES = ("function", "eager", "session", "fit")
WHERE = [(mode, device) for mode in MODES for device in ("all", "virtual")]
SCHEDULED = ["schedule=cosine", "schedule.warmup=5"]
CLIPPED = ["train.clip_norm=0.1", *SCHEDULED]
"""The gradient's norm is above 0.3 at each of the first 50 steps."""
WHOLE = [*CLIPPED, "train.accumulate=5", "train.ema=0.9"]


def asked(where: tuple[str, str]) -> list[str]:
    """The recipe, as far as Keras's own step has it, which clips on one replica only."""
    return {("fit", "all"): CLIPPED, ("fit", "virtual"): SCHEDULED}.get(where, WHOLE)


@pytest.fixture(scope="module")
def data(quick_mnist: Path) -> list[str]:
    return ["data.source=idx", f"data.dir={quick_mnist}", "data.validation=1000"]


def trained(runs: Runs, data: list[str], where: tuple[str, str], recipe: list[str], name: str) -> Path:
    execution, device = where
    return runs.get(
        f"{name}-{execution}-{device}",
        *(f"exec={execution}", *DEVICES[device], *data, *recipe),
        *("train.steps=50", "summary.every=1", "train.validate_every=25"),
    )


@pytest.mark.parametrize("where", WHERE, ids="-".join)
def test_modes_and_replicas_agree(runs, data, where):
    """50 losses and norms with a clipping that bites at every step, and the validations of the averaged weights."""
    recipe = asked(where)
    name = {len(SCHEDULED): "scheduled", len(CLIPPED): "clipped"}.get(len(recipe), "whole")
    run = trained(runs, data, where, recipe, name)
    reference = trained(runs, data, ("function", "all"), recipe, name)
    assert len(losses(run)) == 50
    np.testing.assert_allclose(losses(run), losses(reference), rtol=1e-4)
    expected = metrics(reference)
    assert all(row.get("train/gradient_norm", 1) > 0.1 for row in expected)
    for row, wanted in zip(metrics(run), expected, strict=True):
        kept = {name for name in wanted if where[0] != "fit" or name != "train/gradient_norm"}
        assert row.keys() == kept
        for name in kept:
            assert row[name] == pytest.approx(wanted[name], rel=1e-4)


def test_accumulation_changes_nothing(runs, data):
    one = trained(runs, data, ("function", "all"), [*CLIPPED, "train.ema=0.9"], "one")
    five = trained(runs, data, ("function", "all"), WHOLE, "whole")
    np.testing.assert_allclose(losses(five), losses(one), rtol=1e-5)


def test_averages_are_what_is_validated_and_tested(runs, data):
    """The losses are those of the weights themselves, which the averages do not touch."""
    plain = trained(runs, data, ("function", "all"), CLIPPED, "clipped")
    averaged = trained(runs, data, ("function", "all"), [*CLIPPED, "train.ema=0.9"], "one")
    assert losses(averaged) == losses(plain)
    assert results(averaged)["weights_sha256"] == results(plain)["weights_sha256"]
    assert results(averaged)["test"]["loss"] != results(plain)["test"]["loss"]
    again = runs.get("test of averages", "mode=test", f"run={averaged}")
    assert results(again)["test"] == results(averaged)["test"]
    assert results(again)["weights_sha256"] == results(averaged)["weights_sha256"]


MORTAL = [
    *("model._target_=tests.support.models.dropping", "trusted_targets=[tests.]", "~model.hidden"),
    *("train.epochs=4", "summary.every=4", "checkpoint.every=20", "train.validate_every=15", "train.patience=2"),
    *("checkpoint.best=validation/accuracy", "data.limit=3000", "train.min_delta=0.1"),
]


def what_counts(folder: Path) -> dict[str, Any]:
    """All that a run that was killed must have in common with one that was not."""
    found = results(folder)
    names = ("status", "step", "train", "validation", "stopped", "tested", "selected_on", "test", "weights_sha256")
    best = {name: found["best"][name] for name in ("metric", "value", "step")}
    return {**{name: found[name] for name in names}, "best": best, "rows": metrics(folder)}


def goes_on(jobs: Jobs, options: list[str], folder: Path, name: str, killed_after: float | None) -> None:
    """Begin a run, or go on with it, and kill it after so many seconds; None: let it end."""
    begun = (folder / name / ".hydra" / "config.yaml").exists()
    line = [f"resume={name}", "trusted_targets=[tests.]"] if begun else [*options, f"hydra.run.dir={name}"]
    if killed_after is None:
        jobs.run(*line, cwd=folder).check()
        return
    process = jobs.start_alone(line, folder)
    time.sleep(killed_after)
    process.kill()
    process.wait()


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("where", "kills"),
    [
        (("function", "all"), 2),
        *(pytest.param(where, 10, marks=[pytest.mark.slow], id=f"{'-'.join(where)}-10") for where in WHERE),
    ],
)
def test_a_killed_run_stops_where_an_undisturbed_one_does(jobs, small_mnist, tmp_path, where, kills):
    """SIGKILL at random moments, some of them within a validation; each time the run goes on."""
    execution, device = where
    options = [f"exec={execution}", *DEVICES[device], "data.source=idx", f"data.dir={small_mnist}"]
    options += ["data.validation=500", *asked(where), *MORTAL]
    started = time.monotonic()
    goes_on(jobs, options, tmp_path, "whole", None)
    length = time.monotonic() - started
    expected = what_counts(tmp_path / "whole")
    assert expected["stopped"] == "patience"
    chance = random.Random(f"{execution} {device}")
    for _ in range(kills):
        goes_on(jobs, options, tmp_path, "killed", chance.uniform(0.3, 1.0) * length)
        if (tmp_path / "killed" / "results.json").exists():
            break  # it was quicker
    goes_on(jobs, options, tmp_path, "killed", None)
    assert what_counts(tmp_path / "killed") == expected
