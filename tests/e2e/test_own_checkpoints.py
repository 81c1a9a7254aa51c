"""A run uses its own checkpoints and nobody else's, and is tested on the classes that it was trained on."""

import json
import shutil

import pytest

from tests.support.jobs import losses, results
from tests.support.pictures import picture_folder


@pytest.fixture(scope="module")
def runs(jobs, small_mnist, tmp_path_factory):
    """`own` and two others, of another learning rate and of another seed: 60 steps, with checkpoints 20, 40 and 60."""
    folder = tmp_path_factory.mktemp("runs")
    fixed = ["data.source=idx", f"data.dir={small_mnist}", "train.steps=60", "checkpoint.every=20", "summary.every=1"]
    fixed += ["exec.jit_compile=false"]  # compiling takes longer than training
    others = {"own": [], "rate": ["optimizer.learning_rate=0.01"], "seed": ["seed=1"]}
    started = [jobs.start([*fixed, *more, f"hydra.run.dir={name}"], folder) for name, more in others.items()]
    for job in started:
        job.result().check()
    return folder


@pytest.fixture(params=["rate", "seed"])
def mixed(request, runs, tmp_path):
    """A copy of `own` that was interrupted at 40, with the checkpoint 60 of another run copied in."""
    shutil.copytree(runs / "own", tmp_path / "own")
    (tmp_path / "own" / "results.json").unlink()
    for path in (tmp_path / "own" / "checkpoints").glob("ckpt-60.*"):
        path.unlink()
    for path in (runs / request.param / "checkpoints").glob("ckpt-60.*"):
        shutil.copy(path, tmp_path / "own" / "checkpoints")
    return tmp_path


def test_a_newer_checkpoint_of_another_run_is_passed_over(jobs, runs, mixed):
    done = jobs.run("resume=own", cwd=mixed).check()
    assert "passed over ckpt-60: was saved by another run" in done.output
    assert "restored own/checkpoints/ckpt-40" in done.output
    assert results(mixed / "own")["weights_sha256"] == results(runs / "own")["weights_sha256"]
    assert losses(mixed / "own") == losses(runs / "own")
    assert any((mixed / "own" / "checkpoints" / "passed-over").iterdir())


def test_a_test_passes_it_over_too(jobs, mixed):
    done = jobs.run("mode=test", "run=own", cwd=mixed).check()
    assert "passed over ckpt-60: was saved by another run" in done.output
    assert "restored own/checkpoints/ckpt-40" in done.output
    named = jobs.run("mode=test", "run=own", "checkpoint.restore=own/checkpoints/ckpt-60", cwd=mixed).check()
    assert "note: own/checkpoints/ckpt-60 was saved by another run than that of own" in named.output


def test_a_run_of_an_earlier_version_does_not_guess(jobs, mixed):
    """Its manifest does not say what the run is called in its checkpoints."""
    manifest = json.loads((mixed / "own" / "manifest.json").read_text())
    del manifest["run"]
    (mixed / "own" / "manifest.json").write_text(json.dumps(manifest))
    done = jobs.run("resume=own", cwd=mixed)
    assert (done.status, done.errors.count("\n")) == (2, 1)
    assert "own: holds checkpoints of 2 runs (ckpt-60; ckpt-40, ckpt-20)" in done.errors
    for path in (mixed / "own" / "checkpoints").glob("ckpt-60.*"):
        path.unlink()
    jobs.run("resume=own", cwd=mixed).check()


def test_a_test_on_other_classes_is_refused(jobs, tmp_path):
    folder = picture_folder(tmp_path / "pets", train=40, valid=9)
    options = ["model=conv-catsdogs", "model.filters=4", "model.hidden=8", "data=cats_vs_dogs", "data.image_size=32"]
    options += ["data.batch_size=8", f"data.cache_dir={tmp_path / 'cache'}", "train.steps=10"]
    done = jobs.run(*options, f"data.dir={folder}", "hydra.run.dir=run", cwd=tmp_path).check()
    assert "Classes: 2 (cats, dogs)" in done.output
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())["data"]["class_names"] == ["cats", "dogs"]
    renamed = shutil.copytree(folder, tmp_path / "renamed")
    for split in ("train", "valid"):
        (renamed / split / "cats").rename(renamed / split / "zcats")
    refused = jobs.run("mode=test", "run=run", f"data.dir={renamed}", cwd=tmp_path)
    assert refused.status == 2
    assert "the classes here are dogs, zcats, and those that the run was trained on were cats, dogs" in refused.errors
    warm = [*options, f"data.dir={renamed}", "checkpoint.restore=run", "checkpoint.scope=model", "hydra.run.dir=warm"]
    assert "note: the classes here are dogs, zcats" in jobs.run(*warm, cwd=tmp_path).check().output
