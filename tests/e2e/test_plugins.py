"""Hydra's other launchers and sweepers, installed beside the environment: each start of Hydra imports them."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.jobs import results
from tests.support.programs import Programs
from tests.support.root import ROOT
from tests.support.sweeping import ledger, statuses, sweep

PLUGINS = Path(sys.prefix) / "plugins"
FRAGILE = ["model._target_=tests.support.models.fragile", "trusted_targets=[tests.]", "~model.hidden", "train.steps=10"]

pytestmark = pytest.mark.skipif(not PLUGINS.is_dir(), reason="needs `make .venv/.plugins`")


@pytest.fixture(scope="module")
def plugins() -> Iterator[dict[str, Any]]:
    """What programs need so that Hydra finds them: it looks for them once in a process, before the first fork."""
    paths = [str(PLUGINS), str(ROOT)]
    with Programs("tests.support.preload", paths=paths) as programs:
        yield {"programs": programs, "PYTHONPATH": os.pathsep.join(paths)}


def test_submitit_runs_jobs_and_does_not_repeat_them(tmp_path, plugins):
    command = ["hydra/launcher=submitit_local", "seed=1,2", "train.steps=20", "hydra.sweep.dir=s"]
    done = sweep(*command, cwd=tmp_path, **plugins)
    assert done.returncode == 0, done.stderr
    before = {number: (tmp_path / "s" / number / "results.json").stat().st_mtime for number in ("0", "1")}
    assert [results(tmp_path / "s" / number)["status"] for number in before] == ["completed"] * 2
    again = sweep(*command, cwd=tmp_path, **plugins)
    assert again.returncode == 0, again.stderr
    assert before == {number: (tmp_path / "s" / number / "results.json").stat().st_mtime for number in before}
    other = sweep(*command, "optimizer.learning_rate=0.1", cwd=tmp_path, **plugins)
    assert other.returncode != 0
    assert "s/0: holds a run with another configuration; take another hydra.sweep.dir" in other.stderr


def test_a_failure_under_submitit_has_status_1(tmp_path, plugins):
    fragile = [*FRAGILE, "+model.number=0,1", "+model.raises=1", "+model.dies=9", "+model.misshapen=9"]
    done = sweep("hydra/launcher=submitit_local", *fragile, "hydra.sweep.dir=s", cwd=tmp_path, **plugins)
    assert done.returncode == 1
    assert "s/1: model._target_=tests.support.models.fragile: RuntimeError: the network is out of order" in done.stderr
    assert results(tmp_path / "s" / "0")["status"] == "completed"


def test_slurm_is_asked_for_where_there_is_none(tmp_path, plugins):
    command = ["hydra/launcher=slurm", "seed=1,2", "hydra.sweep.dir=s"]
    done = sweep(*command, cwd=tmp_path, **plugins, PATH=str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("hydra/launcher=slurm: there is no sbatch here; ")
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_optuna_is_given_the_objective(tmp_path, plugins):
    command = [
        *("hydra/sweeper=optuna", "hydra.sweeper.n_trials=4", "hydra.sweeper.n_jobs=2", "hydra.sweeper.sampler.seed=1"),
        *("hydra.sweeper.direction=minimize", "objective=train/loss", "train.steps=30", "hydra.sweep.dir=s"),
        *("optimizer.learning_rate=interval(0.0001,0.01)", "data.batch_size=20,100"),
    ]
    done = sweep(*command, cwd=tmp_path, **plugins)
    assert done.returncode == 0, done.stderr
    jobs = ledger(tmp_path / "s")
    assert len(jobs) == 4
    assert set(statuses(tmp_path / "s").values()) == {"completed"}
    best = min(jobs.values(), key=lambda job: job["result"]["train/loss"])
    found = yaml.safe_load((tmp_path / "s" / "optimization_results.yaml").read_text())
    assert found["best_value"] == best["result"]["train/loss"]
    assert f"data.batch_size={found['best_params']['data.batch_size']}" in best["overrides"]
    again = sweep(*command, cwd=tmp_path, **plugins)
    assert again.returncode == 0, again.stderr
    assert ledger(tmp_path / "s") == jobs


def test_optuna_goes_on_after_failures_as_far_as_it_is_told_to(tmp_path, plugins):
    fragile = [*FRAGILE, "+model.number=0,1", "+model.raises=1", "+model.dies=9", "+model.misshapen=9"]
    search = [
        "hydra/sweeper=optuna",
        "objective=train/loss",
        "hydra.sweeper.n_trials=4",
        "hydra.sweeper.n_jobs=4",
        "hydra.sweeper.sampler.seed=1",
    ]
    done = sweep(*search, "hydra.sweeper.max_failure_rate=0.9", "hydra.sweep.dir=s", *fragile, cwd=tmp_path, **plugins)
    assert done.returncode == 0, done.stderr + done.stdout
    # Two networks in four trials: what is asked for twice runs once.
    assert statuses(tmp_path / "s") == {"number-0": "completed", "number-1": "failed"}
    assert {job["attempts"] for job in ledger(tmp_path / "s").values()} == {1}
    strict = sweep(*search, "hydra.sweep.dir=t", *fragile, cwd=tmp_path, **plugins)
    assert strict.returncode == 1
    assert "the network is out of order" in strict.stderr
    assert "Traceback" not in strict.stderr
    assert json.loads((tmp_path / "t" / "sweep.json").read_text())["n_jobs"] == 2
