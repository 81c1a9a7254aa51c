"""On a real GPU: every mode, every layout, its memory, and that a run is the run. `make test-gpu`."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from exp.system.machine import has_gpu
from tests.support.jobs import Runs, losses, metrics, results
from tests.support.pictures import picture_folder

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not has_gpu(), reason="there is no GPU here")]

MODES = ("function", "eager", "session", "fit")
ONE = ["device=all"]
TWO = ["device=virtual", "device.memory_limit_mb=4096"]
CPU = ["device=subset", "device.kind=CPU"]
ROUNDING = {"mlp": 5e-3, "cnn": 5e-2}
"""How far losses may be from a CPU's: TensorFloat-32 has 10 bits, and convolutions use it."""
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
    np.testing.assert_allclose(losses(run), losses(trained(runs, data, model, "function", CPU)), rtol=ROUNDING[model])


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
    for visible, used in (("", "(CPU:0)"), ("0", "(GPU:0)")):
        jobs.run(*data, *STEPS, f"hydra.run.dir=run{visible}", cwd=tmp_path, CUDA_VISIBLE_DEVICES=visible).check()
        assert used in (tmp_path / f"run{visible}" / "run.log").read_text()
    refused = jobs.run("device=subset", "device.indices=[7]", *data, *STEPS, cwd=tmp_path)
    assert refused.status == 2
    assert "device.indices" in refused.errors


@pytest.mark.parametrize("execution", MODES)
@pytest.mark.parametrize("device", [ONE, TWO], ids=["one", "two"])
def test_a_killed_run_goes_on_to_the_same_end(jobs, data, tmp_path, execution, device):
    """Bit for bit, as `exec.deterministic=auto` has it."""
    options = [*data, *STEPS, *device, f"exec={execution}"]
    jobs.run(*options, "hydra.run.dir=whole", cwd=tmp_path).check()
    assert jobs.start_alone([*options, "hydra.run.dir=run"], tmp_path, die_at=15).wait() == -9
    jobs.run("resume=run", cwd=tmp_path).check()
    assert losses(tmp_path / "run") == losses(tmp_path / "whole")
    assert results(tmp_path / "run")["weights_sha256"] == results(tmp_path / "whole")["weights_sha256"]


def cnn(runs: Runs, data: list[str], name: str, *options: str) -> Path:
    return runs.get(f"cnn {name}", "model=cnn", *data, *STEPS, *options)


def test_a_cnn_repeats_bit_for_bit(runs, data):
    """Whether that was asked for or is the default, and however many batches are made ready ahead."""
    auto, asked = (
        cnn(runs, data, "auto"),
        cnn(runs, data, "true", "exec.deterministic=true", "data.prefetch=8"),
    )
    assert losses(asked) == losses(auto)
    assert results(asked)["weights_sha256"] == results(auto)["weights_sha256"]
    for run in (auto, asked):
        assert json.loads((run / "manifest.json").read_text())["deterministic"] is True


def test_a_killed_cnn_goes_on_to_the_same_end(jobs, runs, data, tmp_path):
    whole = cnn(runs, data, "auto")
    options = ["model=cnn", *data, *STEPS, "hydra.run.dir=run"]
    assert jobs.start_alone(options, tmp_path, die_at=15).wait() == -9
    jobs.run("resume=run", cwd=tmp_path).check()
    assert losses(tmp_path / "run") == losses(whole)
    assert results(tmp_path / "run")["weights_sha256"] == results(whole)["weights_sha256"]


@pytest.mark.parametrize("compiled", ["false", "true"])
def test_a_cnn_that_need_not_repeat(runs, data, compiled):
    """It says so, and learns the same up to rounding."""
    run = cnn(runs, data, f"loose {compiled}", "exec.deterministic=false", f"exec.jit_compile={compiled}")
    assert json.loads((run / "manifest.json").read_text())["deterministic"] is False
    assert "exec.deterministic=false: on a GPU" in (run / "run.log").read_text()
    assert np.isfinite(losses(run)).all()
    np.testing.assert_allclose(losses(run), losses(cnn(runs, data, "auto")), rtol=ROUNDING["cnn"])


def test_photographs_repeat_bit_for_bit(runs, tmp_path):
    folder = picture_folder(tmp_path / "pets", train=40, valid=9)
    options = ["model=conv-catsdogs", "data=cats_vs_dogs", f"data.dir={folder}", f"data.cache_dir={tmp_path / 'cache'}"]
    options += ["data.image_size=64", "data.batch_size=8", "data.transforms=[random_flip]"]
    options += ["train.steps=13", "summary.every=1", "optimizer.learning_rate=0.0001"]
    one, again = (runs.get(f"photographs {number}", *options) for number in range(2))
    assert results(one)["test"]["examples"] == 18
    assert losses(again) == losses(one)
    assert results(again)["weights_sha256"] == results(one)["weights_sha256"]


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
