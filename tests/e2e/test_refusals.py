"""What a newcomer tried: each is right, or refused in a sentence, and nothing goes on in silence."""

import json
import re

import pytest

from tests.support.conf import choices
from tests.support.jobs import results

UNUSUAL = ["model._target_=tests.support.models.unusual", "trusted_targets=[tests.]", "~model.hidden", "train.steps=4"]


@pytest.fixture
def idx(small_mnist):
    """A small data set, and no compiler, which takes longer than training."""
    return ["data.source=idx", f"data.dir={small_mnist}", "exec.jit_compile=false"]


def test_a_run_does_not_go_on_with_a_changed_configuration(jobs, idx, tmp_path):
    jobs.run(*idx, "train.steps=40", "checkpoint.every=20", "hydra.run.dir=run", cwd=tmp_path).check()
    (tmp_path / "run" / "results.json").unlink()
    stored = tmp_path / "run" / ".hydra" / "config.yaml"
    before = stored.read_text()
    stored.write_text(before.replace("batch_size: 50", "batch_size: 60"))
    done = jobs.run("resume=run", cwd=tmp_path)
    assert (done.status, done.errors.count("\n")) == (2, 1)
    assert done.errors.startswith("run/.hydra/config.yaml: was changed after the run began")
    stored.write_text(before)
    jobs.run("resume=run", cwd=tmp_path).check()


def test_code_that_ends_the_program_is_no_success(jobs, idx, tmp_path):
    done = jobs.run(*idx, *UNUSUAL, "+model.kind=exits", "hydra.run.dir=run", cwd=tmp_path)
    assert done.status == 1
    assert results(tmp_path / "run")["status"] == "failed"
    assert results(tmp_path / "run")["error"].startswith("SystemExit: 0")


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("float64", "gives float64; its last layer must have dtype='float32'"),
        ("two", "must give one tensor, of shape (batch, classes), and gives a list"),
        ("frozen", "has nothing to train; every variable is frozen, or there is none"),
    ],
)
def test_networks_that_cannot_be_trained_here(jobs, idx, tmp_path, kind, message):
    for mode in ("eager", "function"):
        done = jobs.run(*idx, *UNUSUAL, f"+model.kind={kind}", f"exec={mode}", cwd=tmp_path)
        assert (done.status, done.errors) == (2, f"model=tests.support.models.unusual: {message}\n")


@pytest.mark.parametrize("mode", choices("exec"))
def test_a_variable_of_tensorflows_is_saved_in_every_mode(jobs, idx, tmp_path, mode):
    options = [*idx, *UNUSUAL, "+model.kind=counts", f"exec={mode}", "hydra.run.dir=run"]
    jobs.run(*options, cwd=tmp_path).check()
    record = json.loads((tmp_path / "run" / "checkpoints" / "ckpt-4.json").read_text())
    assert any(re.search("calls$", entry["path"]) for entry in record["variables"])
    done = jobs.run("mode=test", "run=run", "trusted_targets=[tests.]", cwd=tmp_path).check()
    assert "restored run/checkpoints/ckpt-4" in done.output


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("model=[mlp,cnn]", "model=[mlp,cnn]: must be the name of one choice; Hydra would take the last of several\n"),
        (
            "hydra.job.chdir=true",
            "hydra.job.chdir=true: a run stays in the folder that it was started from; leave it out\n",
        ),
    ],
)
def test_what_hydra_would_do_in_silence(jobs, tmp_path, argument, message):
    done = jobs.run(argument, cwd=tmp_path)
    assert (done.status, done.errors) == (2, message)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_given_with_pluses_too(jobs, idx, tmp_path):
    jobs.run(*idx, "train.steps=4", "++hydra.run.dir=mine", cwd=tmp_path).check()
    assert results(tmp_path / "mine")["status"] == "completed"


def test_a_link_is_no_folder_of_a_job(jobs, idx, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "seed-3").symlink_to(tmp_path / "outside")
    done = jobs.run("-m", *idx, "train.steps=4", "seed=3,4", "hydra.sweep.dir=s", cwd=tmp_path)
    assert done.status == 2
    assert "s/seed-3: is in the way of the job's folder" in done.errors
    assert list((tmp_path / "outside").iterdir()) == []
