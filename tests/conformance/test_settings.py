"""Settings that make a step faster do not change what it computes, beyond rounding."""

import json
import signal

import numpy as np
import pytest

from tests.support.jobs import losses, results

SETTINGS = {
    "one": ["exec.steps_per_call=1", "exec.jit_compile=false"],
    "many": ["exec.steps_per_call=20", "exec.jit_compile=false"],
    "compiled": ["exec.steps_per_call=1", "exec.jit_compile=true"],
    "many-compiled": ["exec.steps_per_call=20", "exec.jit_compile=true"],
    "default": [],
}


@pytest.mark.parametrize("mode", ["function", "session"])
def test_losses_agree(jobs, small_mnist, tmp_path, mode):
    fixed = [f"exec={mode}", "train.steps=50", "summary.every=1", "data.source=idx", f"data.dir={small_mnist}"]
    runs = tmp_path
    for name, options in SETTINGS.items():
        jobs.run(*fixed, *options, f"hydra.run.dir={mode}-{name}", cwd=runs).check()
    expected = losses(runs / f"{mode}-one")
    assert len(expected) == 50
    for name in SETTINGS:
        np.testing.assert_allclose(losses(runs / f"{mode}-{name}"), expected, rtol=1e-4)
    # The number of steps in a call changes nothing at all.
    assert losses(runs / f"{mode}-many") == expected
    assert (
        losses(runs / f"{mode}-many-compiled") == losses(runs / f"{mode}-compiled") == losses(runs / f"{mode}-default")
    )
    assert json.loads((runs / f"{mode}-default" / "manifest.json").read_text())["jit_compile"] is True


@pytest.mark.parametrize("mode", ["function", "session"])
def test_a_compiled_run_that_is_killed_goes_on_exactly(jobs, small_mnist, tmp_path, mode):
    options = [f"exec={mode}", "train.steps=150", "checkpoint.every=40", "summary.every=1"]
    options += ["data.source=idx", f"data.dir={small_mnist}"]
    whole = jobs.start([*options, "hydra.run.dir=whole"], tmp_path)
    killed = jobs.start_alone([*options, "hydra.run.dir=killed"], tmp_path, die_at=100)
    assert killed.wait() == -signal.SIGKILL
    whole.result().check()
    resumed = jobs.run("resume=killed", cwd=tmp_path).check()
    assert "restored killed/checkpoints/ckpt-80" in resumed.output
    assert results(tmp_path / "killed")["weights_sha256"] == results(tmp_path / "whole")["weights_sha256"]
    assert losses(tmp_path / "killed") == losses(tmp_path / "whole")
