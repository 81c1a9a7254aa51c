"""Runs that are killed, and go on as if nothing had happened."""

import signal
from pathlib import Path

import pytest

from tests.jobs import losses, results

DEVICES = {"one": ["device=all"], "two": ["device=virtual"]}
STEPS = 90
SCHEDULE = (
    "optimizer.learning_rate={_target_: keras.optimizers.schedules.ExponentialDecay, initial_learning_rate: 0.01, "
    "decay_steps: 10, decay_rate: 0.9}"
)


@pytest.fixture(scope="module")
def everything(small_mnist: Path) -> list[str]:
    """All that has a state: dropout, batch normalisation, a schedule, augmentation, shuffling, several epochs."""
    return [
        *("model._target_=tests.models.noisy", "trusted_targets=[tests.]", SCHEDULE),
        *("data.source=idx", f"data.dir={small_mnist}", "data.limit=2000", "data.transforms=[random_flip]"),
        *(f"train.steps={STEPS}", "checkpoint.every=20", "summary.every=1"),
    ]


@pytest.mark.parametrize("devices", list(DEVICES.values()), ids=list(DEVICES))
@pytest.mark.parametrize(
    ("execution", "die_at"),
    [
        (["exec=eager"], 53),
        (["exec=function", "exec.steps_per_call=1"], 69),
        (["exec=function"], 53),
        (["exec=session"], 67),
        (["exec=fit"], 53),
    ],
    ids=["eager", "function, a step a call", "function", "session", "fit"],
)
def test_a_killed_run_goes_on_to_the_same_end(  # noqa: PLR0917
    jobs, everything, execution, die_at, devices, tmp_path
):
    """In the middle of an epoch (40 steps), with everything that has a state: bit for bit."""
    options = [*everything, *devices, *execution]
    whole = jobs.start([*options, "hydra.run.dir=whole"], tmp_path)
    killed = jobs.start_alone([*options, "hydra.run.dir=killed"], tmp_path, die_at=die_at)
    killed.join()
    assert killed.exitcode == -signal.SIGKILL
    assert not (tmp_path / "killed" / "results.json").exists()
    whole.result().check()
    resumed = jobs.run("resume=killed", "trusted_targets=[tests.]", cwd=tmp_path).check()
    assert "restored killed/checkpoints/ckpt-" in resumed.output
    assert resumed.errors == ""
    assert results(tmp_path / "killed")["weights_sha256"] == results(tmp_path / "whole")["weights_sha256"]
    assert losses(tmp_path / "killed") == losses(tmp_path / "whole")
    assert len(losses(tmp_path / "killed")) == STEPS
