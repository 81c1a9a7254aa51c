"""Run folders of an earlier version, kept in tests/old_runs, are tested, resumed, exported and compared."""

import json
import shutil
from pathlib import Path

import pytest

from tests.support.jobs import Jobs, losses, results
from tests.support.programs import PROGRAMS
from tests.support.root import ROOT

OLD = ROOT / "tests" / "old_runs"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with copies of the old runs."""
    shutil.copytree(OLD, tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_a_completed_run_is_tested_to_the_figures_that_it_had(jobs: Jobs, place: Path):
    before = results(place / "completed")
    done = jobs.run("mode=test", "run=completed", "hydra.run.dir=test", cwd=place).check()
    assert "restored completed/checkpoints/ckpt-10" in done.output
    tested = results(place / "test")
    assert tested["weights_sha256"] == before["weights_sha256"]
    assert tested["test"]["accuracy"] == pytest.approx(before["test"]["accuracy"], abs=0.002)
    assert tested["test"]["loss"] == pytest.approx(before["test"]["loss"], rel=1e-5)
    assert results(place / "completed") == before


def test_a_completed_run_is_not_done_again(jobs: Jobs, place: Path):
    done = jobs.run("resume=completed", cwd=place).check()
    assert "completed: this run is completed; nothing is left to do" in done.output


def test_a_killed_run_is_resumed_to_its_end(jobs: Jobs, place: Path):
    logged = losses(place / "killed")
    name = json.loads((place / "killed" / "manifest.json").read_text())["run"]
    done = jobs.run("resume=killed", cwd=place).check()
    assert "restored killed/checkpoints/ckpt-10" in done.output
    after = results(place / "killed")
    assert (after["status"], after["step"], after["examples"]) == ("completed", 20, 1000)
    assert losses(place / "killed")[: len(logged)] == logged
    assert len(losses(place / "killed")) == 20
    manifest = json.loads((place / "killed" / "manifest.json").read_text())
    assert manifest["run"] == name
    assert len(manifest["previous"]) == 1


def test_old_runs_are_exported_and_compared(place: Path):
    exported = PROGRAMS.run("scripts/export.py", "completed", cwd=place)
    assert exported.returncode == 0, exported.stderr
    assert "50 test pictures gave the run's logits" in exported.stdout
    compared = PROGRAMS.run("scripts/compare.py", "completed", "killed", cwd=place)
    assert compared.returncode == 0, compared.stderr
    assert "unfinished" in compared.stdout
