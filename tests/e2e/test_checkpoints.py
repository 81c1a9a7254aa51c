"""Checkpoints as a user meets them: damaged ones, the best one, a warm start, those of an older TensorFlow."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.jobs import losses, results
from tests.support.programs import PROGRAMS
from tests.support.root import ROOT


def script(name: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return PROGRAMS.run(f"scripts/{name}.py", *arguments, cwd=cwd)


@pytest.fixture(scope="module")
def runs(jobs, small_mnist, tmp_path_factory):
    """A completed run of 60 steps with checkpoints 20, 40 and 60."""
    folder = tmp_path_factory.mktemp("runs")
    options = ["data.source=idx", f"data.dir={small_mnist}", "train.steps=60", "checkpoint.every=20", "summary.every=1"]
    options += ["exec.jit_compile=false"]  # compiling takes longer than training
    jobs.run(*options, "checkpoint.best=test/accuracy", "hydra.run.dir=run", cwd=folder).check()
    return folder


@pytest.fixture
def run(runs, tmp_path):
    """A copy of that run as if it had been killed at its end."""
    shutil.copytree(runs / "run", tmp_path / "run")
    (tmp_path / "run" / "results.json").unlink()
    return tmp_path / "run"


def test_training_goes_on_from_the_newest_checkpoint_that_verifies(jobs, runs, run):
    data = run / "checkpoints" / "ckpt-60.data-00000-of-00001"
    content = bytearray(data.read_bytes())
    content[1000] ^= 1
    data.write_bytes(content)
    (run / "checkpoints" / "ckpt-40.json").unlink()
    done = jobs.run("resume=run", cwd=run.parent).check()
    assert "passed over run/checkpoints/ckpt-60.data-00000-of-00001: is damaged" in done.output
    assert "passed over run/checkpoints/ckpt-40.json: is missing" in done.output
    assert "restored run/checkpoints/ckpt-20" in done.output
    assert results(run)["weights_sha256"] == results(runs / "run")["weights_sha256"]
    assert losses(run) == losses(runs / "run")
    aside = sorted(path.name for path in (run / "checkpoints" / "passed-over").rglob("ckpt-*.*") if path.is_file())
    assert aside == sorted(
        [f"ckpt-{step}.{end}" for step in (40, 60) for end in ("index", "data-00000-of-00001")] + ["ckpt-60.json"]
    )


@pytest.mark.parametrize("last", [40, 60])
def test_one_curve_without_a_doubled_step(jobs, runs, run, last):
    """Killed in its last test, or after the one at step 40: TensorBoard and `metrics.jsonl` show the run once."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for path in (run / "checkpoints").glob("ckpt-60.*"):
        path.unlink() if last == 40 else None
    jobs.run("resume=run", cwd=run.parent).check()
    assert (run / "metrics.jsonl").read_text() == (runs / "run" / "metrics.jsonl").read_text()
    curves = []
    for folder in (run, runs / "run"):
        accumulator = EventAccumulator(str(folder))
        accumulator.Reload()
        tags = accumulator.Tags()["scalars"]
        curves.append({tag: [(e.step, e.value) for e in accumulator.Scalars(tag)] for tag in tags})
    assert curves[0] == curves[1]
    assert [step for step, _ in curves[0]["test/accuracy"]] == [20, 40, 60]


def test_nothing_starts_from_step_0_because_no_checkpoint_verifies(jobs, run):
    for index in (run / "checkpoints").glob("*.index"):
        index.write_bytes(index.read_bytes()[:-1])
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file() and path.name != "run.log"}
    done = jobs.run("resume=run", cwd=run.parent)
    assert done.status == 2
    assert done.errors.startswith("run/checkpoints: holds no checkpoint ckpt-STEP to go on from; start that run anew")
    assert done.errors.count("is damaged") == 3
    assert {path: path.read_bytes() for path in before} == before


def test_a_test_refuses_a_damaged_checkpoint_and_names_another(jobs, run):
    (run / "checkpoints" / "ckpt-60.index").write_bytes(b"")
    refused = jobs.run("mode=test", "run=run", cwd=run.parent)
    assert refused.status == 2
    assert "run/checkpoints/ckpt-60.index: is damaged, it has 0 bytes" in refused.errors
    assert "checkpoint.restore=run/checkpoints/ckpt-40" in refused.errors
    done = jobs.run("mode=test", "run=run", "checkpoint.restore=run/checkpoints/ckpt-40", cwd=run.parent).check()
    assert "restored run/checkpoints/ckpt-40" in done.output


def test_the_best_checkpoint_is_known_and_can_be_tested(jobs, runs, tmp_path):
    rows = [json.loads(line) for line in (runs / "run" / "metrics.jsonl").read_text().splitlines()]
    tested = {row["step"]: row["test/accuracy"] for row in rows if "test/accuracy" in row}
    assert sorted(tested) == [20, 40, 60]
    best = max(tested, key=lambda step: tested[step])
    folder = tmp_path / "best"
    done = jobs.run("mode=test", "run=run", "checkpoint.restore=best", f"hydra.run.dir={folder}", cwd=runs).check()
    assert f"restored run/checkpoints/ckpt-{best}" in done.output
    assert results(folder)["test"]["accuracy"] == tested[best]


def test_a_run_that_was_warm_started_is_tested_by_its_own_weights(jobs, runs, small_mnist, tmp_path):
    options = ["data.source=idx", f"data.dir={small_mnist}", "train.steps=5", "seed=3", "checkpoint.scope=model"]
    warm, test = tmp_path / "warm", tmp_path / "test"
    jobs.run(*options, "checkpoint.restore=run", f"hydra.run.dir={warm}", cwd=runs).check()
    jobs.run("mode=test", f"run={warm}", f"hydra.run.dir={test}", cwd=runs).check()
    assert results(test)["weights_sha256"] == results(warm)["weights_sha256"] != results(runs / "run")["weights_sha256"]
    assert results(test)["test"] == results(warm)["test"]


def test_a_run_without_a_best_checkpoint_says_why(jobs, small_mnist, tmp_path):
    data = ["data.source=idx", f"data.dir={small_mnist}", "data.limit=100", "train.steps=2", "exec.jit_compile=false"]
    jobs.run(*data, "hydra.run.dir=run", cwd=tmp_path).check()
    test = ["mode=test", "run=run", "checkpoint.restore=best"]
    refused = jobs.run(*test, cwd=tmp_path)
    assert refused.status == 2
    assert "checkpoint.restore=best: run was not asked to keep a best one (checkpoint.best)" in refused.errors
    config = tmp_path / "run" / ".hydra" / "config.yaml"
    config.write_text(config.read_text().replace("best: null", "best: test/accuracy"))
    refused = jobs.run(*test, cwd=tmp_path)
    assert refused.status == 2
    assert "run keeps the best by test/accuracy, which none of its checkpoints has (steps 2)" in refused.errors
    for path in (tmp_path / "run" / "checkpoints").iterdir():
        path.unlink()
    refused = jobs.run(*test, cwd=tmp_path)
    assert "run has no finished checkpoint" in refused.errors


def test_a_run_of_no_steps_gets_no_advice(jobs, small_mnist, tmp_path):
    """It was killed between its last checkpoint and its end."""
    data = ["data.source=idx", f"data.dir={small_mnist}", "data.limit=100", "train.steps=2", "exec.jit_compile=false"]
    jobs.run(*data, "hydra.run.dir=run", cwd=tmp_path).check()
    (tmp_path / "run" / "results.json").unlink()
    done = jobs.run("resume=run", cwd=tmp_path).check()
    assert results(tmp_path / "run")["step"] == 2
    assert results(tmp_path / "run")["time"] == {"advice": None}
    assert "advice" not in done.output
    assert "training time" not in done.output


def test_a_warm_start_says_what_it_left(jobs, runs, small_mnist, tmp_path):
    options = ["data.source=idx", f"data.dir={small_mnist}", "train.steps=1", "summary.every=1"]
    warm = [*options, f"checkpoint.restore={runs / 'run'}", "checkpoint.exclude=[*/dense2/*]", "checkpoint.scope=model"]
    done = jobs.run(*warm, "hydra.run.dir=warm", cwd=tmp_path).check()
    assert "2 variables, each compared with its SHA-256" in done.output
    left = next(line for line in done.output.splitlines() if line.startswith("left in the checkpoint"))
    assert "mlp/dense2/kernel" in left
    assert "adam/mlp_dense1_kernel_momentum" in left
    manifest = json.loads((tmp_path / "warm" / "manifest.json").read_text())
    assert manifest["restored"]["weights_sha256"] == results(runs / "run")["weights_sha256"]
    plain, whole = tmp_path / "plain", tmp_path / "whole"
    jobs.run(*options, f"hydra.run.dir={plain}", cwd=tmp_path).check()
    jobs.run(*options, f"checkpoint.restore={runs / 'run'}", f"hydra.run.dir={whole}", cwd=tmp_path).check()
    assert losses(whole)[0] < 0.8 < losses(plain)[0]
    assert len({losses(folder)[0] for folder in (plain, whole, tmp_path / "warm")}) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["checkpoint.restore=absent"], "checkpoint.restore=absent: "),
        (["checkpoint.restore=best"], "checkpoint.restore=best: goes with mode=test run=RUN_DIR"),
        (["checkpoint.restore={run}", "model.hidden=7"], "has the shape [784, 7], and [784, 100] in the checkpoint"),
        (["checkpoint.restore={run}", "optimizer=sgd"], "only the checkpoint has adam/"),
        (["checkpoint.scope=model"], "checkpoint.restore=null: checkpoint.scope and checkpoint.exclude go with"),
        (["checkpoint.keep_every=30"], "checkpoint.keep_every=30: must be a multiple of checkpoint.every=100"),
        (["checkpoint.best=accuracy"], "checkpoint.best=accuracy: must be one of test/accuracy, test/loss"),
    ],
)
def test_mistakes_are_named(jobs, runs, tmp_path, arguments, message):
    given = [argument.format(run=runs / "run") for argument in arguments]
    done = jobs.run(*given, "hydra.run.dir=run", cwd=tmp_path)
    assert done.status == 2
    assert message in done.errors
    assert not (tmp_path / "run" / "manifest.json").exists()


@pytest.fixture(scope="module")
def old(small_mnist, tmp_path_factory):
    """Checkpoints of Keras 2, the accuracy of each model, and the data to test it on."""
    folder = tmp_path_factory.mktemp("old")
    environment = {**os.environ, "TF_USE_LEGACY_KERAS": "1"}
    command = [sys.executable, "-W", "ignore", "-m", "tests.support.keras2", str(folder), str(small_mnist)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout.splitlines()[-1]), ["data.source=idx", f"data.dir={small_mnist}"]


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("subclass", ["--key", "myAwesomeModel"]),
        ("renamed", []),
        ("renamed", ["--map", "body=dense1", "--map", "head=dense2"]),
        ("pile", []),
    ],
)
def test_checkpoints_of_an_older_tensorflow_become_runs(jobs, old, kind, more, tmp_path):
    folder, accuracies, data = old
    options = ["model=mlp", *data]
    done = script("import_checkpoint", str(folder / kind / "model.ckpt-1"), *options, *more, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "4 variables imported, each compared with its SHA-256" in done.stdout
    (run,) = (tmp_path / "outputs").glob("*/*_imported")
    test = tmp_path / "test"
    jobs.run("mode=test", f"run={run}", f"hydra.run.dir={test}", cwd=tmp_path).check()
    for what, ending in (
        ("test it", f" mode=test run={run.relative_to(tmp_path)}"),
        ("train on", f" resume={run.relative_to(tmp_path)}"),
    ):
        (line,) = [line for line in done.stdout.splitlines() if line.startswith(what)]
        assert line.endswith(f"{ROOT / 'run.py'}{ending}")
        if kind == "pile":
            pasted = line.partition(":")[2]
            subprocess.run(["sh", "-c", pasted], cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    assert results(test)["test"]["accuracy"] == pytest.approx(accuracies[kind], abs=1e-9)


def test_an_old_checkpoint_of_another_model_is_refused(old, tmp_path):
    folder, _, _ = old
    for arguments, message in (
        ([str(folder / "pile"), "model=cnn"], "--map THERE=HERE"),
        ([str(folder / "pile"), "--key", "other"], "holds no model named other (--key): myAwesomeModel"),
        (["absent"], "absent: is not the prefix of a checkpoint"),
        ([str(folder / "pile"), "modle=mlp"], "modle"),
    ):
        done = script("import_checkpoint", *arguments, cwd=tmp_path)
        assert done.returncode == 2
        assert message in done.stderr
        assert "Traceback" not in done.stderr
    assert not (tmp_path / "outputs").exists()


@pytest.mark.slow
def test_bench_checkpoints_measures_both(tmp_path):
    options = ["data.limit=2000", "--steps", "120", "--every", "50", "--rounds", "1"]
    done = PROGRAMS.run("-m", "benchmarks.checkpoints", *options, cwd=tmp_path, environment={"PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr
    assert "with checkpoint.every=50: " in done.stdout
    assert "a checkpoint of 39.3 MB is verified in 0." in done.stdout
