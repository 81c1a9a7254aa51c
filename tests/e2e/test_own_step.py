"""Steps, models and optimizers of a user's own, from the command line."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.support import projects
from tests.support.jobs import losses, results

STEPS = "tests.support.own_steps"


def test_a_penalty_on_gradients_is_trained_with(jobs, quick_mnist, tmp_path):
    """And its parts are logged."""
    options = ["data.source=idx", f"data.dir={quick_mnist}", "trusted_targets=[tests.]", "train.steps=10"]
    step = [f"task.step={{_target_: {STEPS}.penalized, strength: 0.5}}", "summary.every=1", "summary.histograms=10"]
    jobs.run(*options, *step, "hydra.run.dir=run", cwd=tmp_path).check()
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert all(0 < row["train/penalty"] < row["loss"] for row in rows[:10])
    found = results(tmp_path / "run")
    assert found["train"] == {"loss": rows[9]["loss"], "penalty": rows[9]["train/penalty"]}
    assert found["test"]["accuracy"] > 0.3


@pytest.mark.slow  # steps on two replicas are tried quickly in tests/exec/test_own_step.py
@pytest.mark.parametrize("mode", ["function", "eager", "session"])
def test_a_penalty_on_gradients_is_the_same_on_two_replicas(jobs, quick_mnist, tmp_path, mode):
    options = ["data.source=idx", f"data.dir={quick_mnist}", "trusted_targets=[tests.]", "train.steps=10"]
    step = [f"task.step={{_target_: {STEPS}.penalized}}", "summary.every=1", f"exec={mode}"]
    for device in ("all", "virtual"):
        jobs.run(*options, *step, f"device={device}", f"hydra.run.dir={device}", cwd=tmp_path).check()
    np.testing.assert_allclose(losses(tmp_path / "virtual"), losses(tmp_path / "all"), rtol=1e-4)


@pytest.mark.slow  # the sentences themselves are tried in tests/run/test_own_functions.py
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([f"task.step={STEPS}.penalized"], "must be a node that names a function of your own, such as {_target_: my_"),
        (["task.step={_target_: os.system}"], "not trusted to run"),
        ([f"task.step={{_target_: {STEPS}.penalized}}", "exec=fit"], "exec=fit runs Keras's own steps only"),
        (
            [f"task.step={{_target_: {STEPS}.failing}}"],
            "AttributeError: 'SymbolicTensor' object has no attribute 'no_such_thing' (",
        ),
        (
            [f"task.step={{_target_: {STEPS}.summed}}", "device=virtual"],
            "its gradients of the whole batch are not the mean of those of its parts",
        ),
    ],
)
def test_what_is_no_step_is_one_sentence(jobs, tmp_path, options, message):
    done = jobs.run(*options, "trusted_targets=[tests.]", "train.steps=5", cwd=tmp_path)
    assert (done.status, done.errors.count("\n")) == (2, 1), done.errors
    assert message in done.errors
    assert done.errors.startswith("task.step")


@pytest.mark.slow  # in memory, tests/run/test_own_functions.py makes two models and their optimizers quickly
def test_one_of_several_models_is_exported(jobs, tmp_path):
    options = [*projects.command("gan"), "train.steps=20", f"hydra.run.dir={tmp_path / 'run'}"]
    projects.run(jobs, *options, project="gan").check()
    refused = export(jobs, tmp_path)
    assert refused.status == 2
    assert refused.errors == "--model: is missing; this run has several models: drawer, critic\n"
    export(jobs, tmp_path, "--model", "drawer").check()
    facts = json.loads((tmp_path / "run" / "export" / "export.json").read_text())
    assert facts["input"] == {"dtype": "float32", "shape": [None, 64]}
    assert facts["output"] == {"outputs": [None, 28, 28, 1]}


def export(jobs, folder: Path, *options: str):
    arguments = [str(folder / "run"), *options, "--trust", "drawn_digits."]
    return projects.run(jobs, *arguments, project="gan", program="scripts/export.py")


@pytest.mark.slow
def test_a_frozen_base_carries_over_what_it_has_learned(jobs, tmp_path):
    """Both stages of the project, shorter: with the base of a first stage the new layer learns more."""
    command = projects.command("frozen-base")
    first = [part for part in command if not part.startswith("model.frozen")]
    stage = [
        "+data.digits=[0,1,2,3,4]",
        "+data.examples=30000",
        "train.epochs=1",
        f"hydra.run.dir={tmp_path / 'first'}",
    ]
    projects.run(jobs, *first, *stage, project="frozen-base").check()
    start = [f"checkpoint.restore={tmp_path / 'first'}", "checkpoint.scope=model", "checkpoint.exclude=[*head*]"]
    for name, options in {"with": start, "without": []}.items():
        run = [*command, *options, "train.steps=300", f"hydra.run.dir={tmp_path / name}"]
        projects.run(jobs, *run, project="frozen-base").check()
    found = {name: results(tmp_path / name)["test"]["accuracy"] for name in ("with", "without")}
    assert found["with"] > found["without"] + 0.1
    shutil.rmtree(tmp_path / "first")
