"""Every execution mode on every device layout with every model: train, save, restore, and agree with each other.

What is always tried is each mode on one replica with each model, each mode on two replicas with the mlp, and the mlp's
`function` on a subset; the rest is slow.
"""

import itertools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.conf import choices
from tests.support.jobs import Done, Jobs, Runs, losses, results

EXECS = choices("exec")
DEVICES = {"all": ["device=all"], "subset": ["device=subset", "device.kind=CPU"], "virtual": ["device=virtual"]}
"""All choices but `workers`, for which there is tests/e2e/test_workers.py."""
MODELS = ("mlp", "cnn")
STEPS = 50


def is_quick(execution: str, device: str, model: str) -> bool:
    """Whether a combination is always tried."""
    return device == "all" or (model == "mlp" and (device == "virtual" or execution == "function"))


def marked(values: Iterable[Any], quick: Callable[..., bool]) -> list[Any]:
    """Parameters of a test, of which some are slow."""
    given = [value if isinstance(value, tuple) else (value,) for value in values]
    return [pytest.param(*value, marks=[] if quick(*value) else [pytest.mark.slow]) for value in given]


class Matrix:
    """The runs of the combinations, and a test of each."""

    def __init__(self, runs: Runs, data: list[str]) -> None:
        self._runs, self._data = runs, data

    def run(self, execution: str, device: str, model: str) -> Path:
        """The folder of a run of 50 steps."""
        return self._runs.get(
            f"{model}-{execution}-{device}",
            *(f"model={model}", f"exec={execution}", *DEVICES[device], *self._data),
            *(f"train.steps={STEPS}", "summary.every=1", "checkpoint.every=30"),
        )

    def test(self, execution: str, device: str, model: str) -> Path:
        """The folder of a test of that run, in the mode and on the devices that it trained with."""
        run = self.run(execution, device, model)
        return self._runs.get(f"tests/{run.name}", "mode=test", f"run={run}", "data.batch_size=200")


@pytest.fixture(scope="module")
def matrix(jobs: Jobs, quick_mnist: Path, tmp_path_factory: pytest.TempPathFactory) -> Matrix:
    runs = Runs(jobs, tmp_path_factory.mktemp("matrix"))
    return Matrix(runs, ["data.source=idx", f"data.dir={quick_mnist}"])


@pytest.mark.parametrize(
    ("execution", "device", "model"), marked(itertools.product(EXECS, DEVICES, MODELS), quick=is_quick)
)
def test_trains_and_restores_with_the_same_accuracy(matrix, execution, device, model):
    folder = matrix.run(execution, device, model)
    run, test = results(folder), results(matrix.test(execution, device, model))
    assert run["status"] == test["status"] == "completed"
    assert run["replicas"] == (2 if device == "virtual" else 1)
    assert run["step"] == STEPS
    assert run["examples"] == test["examples"] == STEPS * 50
    assert run["test"]["examples"] == test["test"]["examples"] == 1003
    assert test["test"]["accuracy"] == run["test"]["accuracy"] > 0.5
    assert test["test"]["loss"] == pytest.approx(run["test"]["loss"], rel=1e-5)
    assert test["weights_sha256"] == run["weights_sha256"]
    assert run["train"]["loss"] < 1.5 < losses(folder)[0]


@pytest.mark.parametrize(
    ("device", "model"),
    marked(itertools.product(DEVICES, MODELS), quick=lambda device, model: is_quick("eager", device, model)),
)
def test_modes_agree_on_the_first_50_losses(matrix, device, model):
    expected = losses(matrix.run("function", device, model))
    assert len(expected) == STEPS
    for execution in EXECS:
        np.testing.assert_allclose(losses(matrix.run(execution, device, model)), expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("execution", "model"),
    marked(itertools.product(EXECS, MODELS), quick=lambda execution, model: execution == "function" or model == "mlp"),
)
def test_one_and_two_replicas_agree(matrix, execution, model):
    one, two = (losses(matrix.run(execution, device, model)) for device in ("all", "virtual"))
    np.testing.assert_allclose(two, one, rtol={"mlp": 1e-4, "cnn": 1e-3}[model])


@pytest.mark.parametrize(
    ("execution", "model"),
    marked(itertools.product(EXECS, MODELS), quick=lambda execution, model: is_quick(execution, "subset", model)),
)
def test_same_seed_same_weights(matrix, execution, model):
    """`all` and `subset` are the same single CPU here: two processes, one result, bit for bit."""
    one, two = (results(matrix.run(execution, device, model)) for device in ("all", "subset"))
    assert one["weights_sha256"] == two["weights_sha256"]


@pytest.mark.parametrize(
    ("execution", "device"),
    marked(itertools.product(EXECS, ("all", "virtual")), quick=lambda execution, device: device == "all"),
)
def test_checkpoints_restore_in_every_mode(jobs, matrix, tmp_path, execution, device):
    """What any mode saved, with one or two replicas, this mode restores."""
    saved = [matrix.run(e, d, "mlp") for e in EXECS for d in ("all", "virtual")]
    lines = [
        [
            *("mode=test", f"run={run}", f"exec={execution}", *DEVICES[device], "data.batch_size=200"),
            f"hydra.run.dir={tmp_path / run.name}",
        ]
        for run in saved
    ]
    done: list[Done] = jobs.start_many(lines, tmp_path).result()
    for run, job in zip(saved, done, strict=True):
        job.check()
        original, restored = results(run), results(tmp_path / run.name)
        assert restored["weights_sha256"] == original["weights_sha256"]
        assert restored["test"]["accuracy"] == original["test"]["accuracy"]
