"""On a real GPU: every mode, every layout, its memory, and that a run is the run. `make test-gpu`."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from exp.system.machine import has_gpu
from tests.support.jobs import Runs, losses, metrics, results

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not has_gpu(), reason="there is no GPU here")]

MODES = ("function", "eager", "session", "fit")
ONE = ["device=all"]
TWO = ["device=virtual", "device.memory_limit_mb=4096"]
CPU = ["device=subset", "device.kind=CPU"]
STEPS = ["train.steps=30", "summary.every=1", "checkpoint.every=10"]


@pytest.fixture(scope="module")
def data(quick_mnist: Path) -> list[str]:
    return ["data.source=idx", f"data.dir={quick_mnist}"]


def trained(runs: Runs, data: list[str], model: str, execution: str, device: list[str]) -> Path:
    name = f"{model}-{execution}-{'-'.join(device).replace('=', '_')}"
    return runs.get(name, f"model={model}", f"exec={execution}", *device, *data, *STEPS)


@pytest.mark.parametrize("execution", MODES)
@pytest.mark.parametrize("model", ["mlp", "cnn"])
def test_every_mode_trains_as_on_a_cpu(runs, data, model, execution):
    run = trained(runs, data, model, execution, ONE)
    assert results(run)["replicas"] == 1
    assert "(GPU:0)" in (run / "run.log").read_text()
    np.testing.assert_allclose(losses(run), losses(trained(runs, data, model, "function", CPU)), rtol=5e-3)


@pytest.mark.parametrize("execution", MODES)
def test_two_virtual_gpus_train_as_one(runs, data, execution):
    two = trained(runs, data, "mlp", execution, TWO)
    assert results(two)["replicas"] == 2
    np.testing.assert_allclose(losses(two), losses(trained(runs, data, "mlp", execution, ONE)), rtol=5e-3)


@pytest.mark.parametrize(
    ("execution", "memory"),
    [("function", "growth"), ("function", "full"), ("function", "3000"), ("session", "0.1"), ("session", "3000")],
)
def test_memory_is_taken_as_it_is_asked_for(runs, data, execution, memory):
    run = runs.get(
        f"memory-{execution}-{memory}", f"exec={execution}", "device=all", f"device.memory={memory}", *data, *STEPS
    )
    assert results(run)["status"] == "completed"


def test_a_subset_and_no_gpu_at_all(jobs, runs, data, tmp_path):
    run = runs.get("subset", "device=subset", "device.indices=[0]", *data, *STEPS)
    assert "(GPU:0)" in (run / "run.log").read_text()
    jobs.run(*data, *STEPS, "hydra.run.dir=run", cwd=tmp_path, CUDA_VISIBLE_DEVICES="").check()
    assert "(CPU:0)" in (tmp_path / "run" / "run.log").read_text()
    refused = jobs.run("device=subset", "device.indices=[7]", *data, *STEPS, cwd=tmp_path)
    assert refused.status == 2
    assert "device.indices" in refused.errors


@pytest.mark.parametrize("execution", MODES)
@pytest.mark.parametrize("device", [ONE, TWO], ids=["one", "two"])
def test_a_killed_run_goes_on_to_the_same_end(jobs, data, tmp_path, execution, device):
    """Bit for bit, where the network's operations are deterministic, as the mlp's are."""
    options = [*data, *STEPS, *device, f"exec={execution}"]
    jobs.run(*options, "hydra.run.dir=whole", cwd=tmp_path).check()
    assert jobs.start_alone([*options, "hydra.run.dir=run"], tmp_path, die_at=15).wait() == -9
    jobs.run("resume=run", cwd=tmp_path).check()
    assert losses(tmp_path / "run") == losses(tmp_path / "whole")
    assert results(tmp_path / "run")["weights_sha256"] == results(tmp_path / "whole")["weights_sha256"]


@pytest.mark.parametrize("device", [ONE, TWO], ids=["one", "two"])
@pytest.mark.parametrize("execution", ["function", "eager", "session"])
def test_the_whole_recipe_agrees(runs, data, execution, device):
    recipe = ["train.clip_norm=0.1", "train.accumulate=5", "train.ema=0.9", "schedule=cosine", "data.validation=1000"]
    recipe += ["train.validate_every=15"]
    run = runs.get(f"recipe-{execution}-{device[0][7:]}", f"exec={execution}", *device, *data, *STEPS, *recipe)
    reference = runs.get("recipe-cpu", *CPU, *data, *STEPS, *recipe)
    np.testing.assert_allclose(losses(run), losses(reference), rtol=5e-3)
    found, expected = metrics(run)[-1], metrics(reference)[-1]
    assert found["validation/loss"] == pytest.approx(expected["validation/loss"], rel=5e-3)


@pytest.mark.parametrize(
    ("execution", "precision"),
    [(mode, kind) for mode in MODES for kind in ("bfloat16", "float16") if (mode, kind) != ("fit", "float16")],
)
def test_half_precision(runs, data, execution, precision):
    options = ["model=cnn", f"exec={execution}", f"train.precision=mixed_{precision}", *data, *STEPS]
    run = runs.get(f"{precision}-{execution}", *options)
    np.testing.assert_allclose(losses(run), losses(trained(runs, data, "cnn", "function", ONE)), rtol=0.1, atol=0.05)


def test_jobs_of_a_sweep_share_the_gpu(jobs, data, tmp_path):
    line = ["-m", "seed=0,1,2", "hydra.launcher.n_jobs=2", "device.memory=4000", *data, *STEPS, "hydra.sweep.dir=s"]
    jobs.run(*line, cwd=tmp_path).check()
    for seed in range(3):
        assert results(tmp_path / "s" / f"seed-{seed}")["status"] == "completed"


def test_xla_on_a_gpu_is_asked_for_by_name(runs, data):
    auto = trained(runs, data, "mlp", "function", ONE)
    assert "exec.jit_compile=auto: no; what XLA gains is known for CPUs only" in (auto / "run.log").read_text()
    compiled = runs.get("compiled", "exec.jit_compile=true", *ONE, *data, *STEPS)
    np.testing.assert_allclose(losses(compiled), losses(auto), rtol=5e-3)


def test_a_model_of_the_gpu_is_tested_on_a_cpu(runs, data):
    run = trained(runs, data, "cnn", "function", ONE)
    test = runs.get("test on a CPU", "mode=test", f"run={run}", *CPU)
    assert results(test)["weights_sha256"] == results(run)["weights_sha256"]
    assert results(test)["test"]["accuracy"] == pytest.approx(results(run)["test"]["accuracy"], abs=0.01)


def test_what_the_card_says():
    """For the record of a run of these tests."""
    shown = subprocess.run(
        ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"], text=True, check=False
    )
    assert shown.returncode == 0
