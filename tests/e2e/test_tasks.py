"""Tasks from the command line: what does not fit is one sentence, and metrics are called by their names."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from tests.support.conf import choices
from tests.support.jobs import losses, results

MODEL = ["model._target_=tests.support.models.plain", "~model.hidden", "trusted_targets=[tests.]"]


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of a table with numbers to learn."""
    random = np.random.default_rng(0)
    x = random.standard_normal((300, 5)).astype(np.float32)
    path = tmp_path_factory.mktemp("numbers") / "numbers.npz"
    y = x.sum(axis=1)
    np.savez(path, x_train=x[:200], y_train=y[:200], x_test=x[200:], y_test=y[200:])
    return path


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            [],
            "task=classification does not fit the data set numbers: classification needs one whole number from 0 on "
            "for each class, and the targets are float32",
        ),
        (
            ["task=regression", "checkpoint.best=test/accuracy"],
            "checkpoint.best=test/accuracy: must be one of test/mae",
        ),
        (["task=regression", "objective=test/R2"], "objective=test/R2: must be one of test/mae, test/r2, test/loss"),
        (["task=regression", "+task.metrics.loss={_target_: keras.metrics.Mean}"], "task.metrics.loss: must be a name"),
        (["task=regression", "task.loss._target_=os.system"], "task.loss._target_=os.system: not trusted to run"),
        (
            ["task=regression", "+task.metrics.total={_target_: keras.metrics.Sum}"],
            "task.metrics.total: cannot be computed from these targets and outputs",
        ),
        (
            ["task=regression", "task.loss._target_=keras.losses.mean_squared_error"],
            "task.loss._target_=keras.losses.mean_squared_error: not a class that keras.losses offers",
        ),
    ],
)
def test_what_does_not_fit_is_one_sentence(jobs, numbers, tmp_path, options, message):
    done = jobs.run(*MODEL, "data=arrays", f"data.file={numbers}", *options, cwd=tmp_path)
    assert (done.status, done.errors.count("\n")) == (2, 1), done.errors
    assert done.errors.startswith(message)


def test_the_best_checkpoint_is_chosen_by_a_metric_of_the_task(jobs, numbers, tmp_path):
    options = ["task=regression", "train.steps=60", "checkpoint.every=10", "checkpoint.max_to_keep=1"]
    jobs.run(
        *MODEL,
        *("data=arrays", f"data.file={numbers}", *options, "checkpoint.best=test/mae", "hydra.run.dir=run"),
        cwd=tmp_path,
    ).check()
    test = ["mode=test", "run=run", "checkpoint.restore=best", "trusted_targets=[tests.]", "hydra.run.dir=best"]
    jobs.run(*test, cwd=tmp_path).check()
    assert results(tmp_path / "best")["test"]["mae"] <= results(tmp_path / "run")["test"]["mae"]
    assert list(results(tmp_path / "run")["test"]) == ["loss", "mae", "r2", "examples"]


def test_a_metric_without_a_direction_needs_a_goal(jobs, numbers, tmp_path):
    options = [*MODEL, "data=arrays", f"data.file={numbers}", "task=regression", "train.steps=5"]
    options += ["+task.metrics.wrong={_target_: keras.metrics.FalsePositives}", "checkpoint.best=test/wrong"]
    done = jobs.run(*options, cwd=tmp_path)
    assert done.status == 2
    assert done.errors.startswith("checkpoint.best=test/wrong: nothing says whether its best value is the largest or")


def test_pictures_of_numbers_are_no_pictures_of_classes(jobs, numbers, tmp_path):
    """What is meant for pictures is left out for others, also if it is asked for."""
    options = [*MODEL, "data=arrays", f"data.file={numbers}", "task=regression", "train.steps=5"]
    jobs.run(*options, "summary.images=true", "hydra.run.dir=run", cwd=tmp_path).check()
    assert results(tmp_path / "run")["status"] == "completed"


@pytest.mark.parametrize("modes", [["function"], pytest.param(choices("exec"), marks=pytest.mark.slow)])
def test_frozen_variables_stay_as_they_began_in_every_mode(jobs, small_mnist, tmp_path, modes):
    """And a run that is resumed or tested has the same ones frozen."""
    options = ["data.source=idx", f"data.dir={small_mnist}", "model.frozen=[*dense1/*]", "checkpoint.every=10"]
    for mode in modes:
        run = ["train.steps=20", f"exec={mode}", "exec.jit_compile=false", f"hydra.run.dir={mode}"]
        jobs.run(*options, *run, cwd=tmp_path).check()
    digests = {results(tmp_path / mode)["weights_sha256"] for mode in modes}
    assert len(digests) == 1
    first, last = (
        {entry["title"]: entry["sha256"] for entry in json.loads(path.read_text())["variables"]}
        for path in (tmp_path / "function" / "checkpoints" / f"ckpt-{step}.json" for step in (10, 20))
    )
    assert {title for title in first if title.startswith("mlp/") and first[title] == last[title]} == {
        "mlp/dense1/kernel",
        "mlp/dense1/bias",
    }
    jobs.run("mode=test", "run=function", "hydra.run.dir=t", cwd=tmp_path).check()
    assert results(tmp_path / "t")["weights_sha256"] in digests


@pytest.fixture(scope="module")
def padded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of sequences of different lengths, filled up, with a mask."""
    random = np.random.default_rng(0)
    letters = random.integers(0, 7, (300, 9))
    letters[:, 1:] = (letters[:, :-1] * 3 + 1) % 7
    mask = (np.arange(8) < random.integers(1, 9, (300, 1))).astype(np.float32)
    x, y = letters[:, :-1] * mask.astype(int), letters[:, 1:]
    path = tmp_path_factory.mktemp("padded") / "padded.npz"
    parts = {"train": slice(0, 203), "test": slice(203, None)}
    np.savez(path, **{f"{n}_{s}": a[part] for n, a in {"x": x, "y": y, "w": mask}.items() for s, part in parts.items()})
    return path


@pytest.mark.slow  # one step is computed with weights quickly, in tests/exec/test_weights.py
def test_a_mask_counts_the_same_in_every_mode_and_on_replicas(jobs, padded, tmp_path):
    model = ["model._target_=tests.support.models.recurrent", "~model.hidden", "trusted_targets=[tests.]"]
    options = [*model, "data=arrays", f"data.file={padded}", "train.steps=20", "summary.every=1", "data.batch_size=10"]
    runs = list(itertools.product(("function", "eager", "session"), ("all", "virtual")))
    for mode, device in runs:
        run = [f"exec={mode}", f"device={device}", f"hydra.run.dir={mode}-{device}"]
        jobs.run(*options, *run, cwd=tmp_path).check()
    reference = tmp_path / "function-all"
    for mode, device in runs:
        run = tmp_path / f"{mode}-{device}"
        np.testing.assert_allclose(losses(run), losses(reference), rtol=1e-4)
        assert results(run)["test"] == pytest.approx(results(reference)["test"], rel=1e-4)
    refused = jobs.run(*options, "exec=fit", cwd=tmp_path)
    assert refused.status == 2
    assert refused.errors.startswith("exec=fit: Keras's own loss and metrics take weights otherwise")
