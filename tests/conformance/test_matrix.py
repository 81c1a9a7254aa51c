"""Every execution mode on every device layout with every model: train, save, restore, and agree with each other."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from tests.support.jobs import Done, Jobs, losses, results

EXECS = ("eager", "function", "session", "fit")
DEVICES = {"all": ["device=all"], "subset": ["device=subset", "device.kind=CPU"], "virtual": ["device=virtual"]}
MODELS = ("mlp", "cnn")
STEPS = 50
COMBINATIONS = list(itertools.product(EXECS, DEVICES, MODELS))


def name(execution: str, device: str, model: str) -> str:
    return f"{model}-{execution}-{device}"


@pytest.fixture(scope="module")
def runs(jobs: Jobs, quick_mnist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of 50 steps for each of the 24 combinations."""
    folder = tmp_path_factory.mktemp("matrix")
    data = ["data.source=idx", f"data.dir={quick_mnist}"]
    started = [
        jobs.start(
            [
                *(f"model={model}", f"exec={execution}", *DEVICES[device], *data),
                *(f"train.steps={STEPS}", "summary.every=1", "checkpoint.every=30"),
                f"hydra.run.dir={folder / name(execution, device, model)}",
            ],
            folder,
        )
        for execution, device, model in COMBINATIONS
    ]
    for job in started:
        job.result().check()
    return folder


@pytest.fixture(scope="module")
def tests(jobs: Jobs, runs: Path) -> Path:
    """A folder with a test of each of those runs, in the mode and on the devices that it trained with."""
    started = [
        jobs.start(
            [
                "mode=test",
                f"run={runs / name(*c)}",
                "data.batch_size=200",
                f"hydra.run.dir={runs / 'tests' / name(*c)}",
            ],
            runs,
        )
        for c in COMBINATIONS
    ]
    for job in started:
        job.result().check()
    return runs / "tests"


@pytest.mark.parametrize(("execution", "device", "model"), COMBINATIONS)
def test_trains_and_restores_with_the_same_accuracy(runs, tests, execution, device, model):
    run, test = (results(folder / name(execution, device, model)) for folder in (runs, tests))
    assert run["status"] == test["status"] == "completed"
    assert run["replicas"] == (2 if device == "virtual" else 1)
    assert run["step"] == STEPS
    assert run["examples"] == test["examples"] == STEPS * 50
    assert run["test"]["examples"] == test["test"]["examples"] == 1003
    assert test["test"]["accuracy"] == run["test"]["accuracy"] > 0.5
    assert test["test"]["loss"] == pytest.approx(run["test"]["loss"], rel=1e-5)
    assert test["weights_sha256"] == run["weights_sha256"]
    assert run["train"]["loss"] < 1.5 < losses(runs / name(execution, device, model))[0]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("device", DEVICES)
def test_modes_agree_on_the_first_50_losses(runs, device, model):
    expected = losses(runs / name("function", device, model))
    assert len(expected) == STEPS
    for execution in EXECS:
        np.testing.assert_allclose(losses(runs / name(execution, device, model)), expected, rtol=1e-4)


@pytest.mark.parametrize(("model", "tolerance"), [("mlp", 1e-4), ("cnn", 1e-3)])
@pytest.mark.parametrize("execution", EXECS)
def test_one_and_two_replicas_agree(runs, execution, model, tolerance):
    one, two = (losses(runs / name(execution, device, model)) for device in ("all", "virtual"))
    np.testing.assert_allclose(two, one, rtol=tolerance)


@pytest.mark.parametrize("execution", EXECS)
def test_same_seed_same_weights(runs, execution):
    """`all` and `subset` are the same single CPU here: two processes, one result, bit for bit."""
    for model in MODELS:
        one, two = (results(runs / name(execution, device, model)) for device in ("all", "subset"))
        assert one["weights_sha256"] == two["weights_sha256"]


@pytest.mark.parametrize("device", ["all", "virtual"])
@pytest.mark.parametrize("execution", EXECS)
def test_checkpoints_restore_in_every_mode(jobs, runs, tmp_path, execution, device):
    """What any mode saved, with one or two replicas, this mode restores."""
    saved = [name(e, d, "mlp") for e in EXECS for d in ("all", "virtual")]
    lines = [
        [
            *("mode=test", f"run={runs / run}", f"exec={execution}", *DEVICES[device], "data.batch_size=200"),
            f"hydra.run.dir={tmp_path / run}",
        ]
        for run in saved
    ]
    done: list[Done] = jobs.start_many(lines, tmp_path).result()
    for run, job in zip(saved, done, strict=True):
        job.check()
        original, restored = results(runs / run), results(tmp_path / run)
        assert restored["weights_sha256"] == original["weights_sha256"]
        assert restored["test"]["accuracy"] == original["test"]["accuracy"]
