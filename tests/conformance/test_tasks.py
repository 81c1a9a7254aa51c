"""Experiments of all kinds, as projects of a user: the same numbers in every mode and on replicas, and exact resume."""

import itertools
import json
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.support import projects
from tests.support.conf import choices
from tests.support.jobs import Jobs, losses, results

STEPS = 50
QUICK = {
    ("regression", "eager", "all"),
    ("regression", "session", "all"),
    ("regression", "fit", "all"),
    ("regression", "function", "virtual"),
    ("two-inputs", "fit", "all"),
    ("language-model", "session", "all"),
    ("gan", "eager", "all"),
    ("gan", "function", "virtual"),
}
"""What is always compared with `function` on one replica; the rest is slow."""
QUICK_KILLS = {("regression", "function"), ("two-inputs", "session")}
Trained = Callable[[str, str, str], Path]


@pytest.fixture(scope="module")
def trained(jobs: Jobs, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The folder of a project's run of 50 steps, which begins when a test first asks for it."""
    place = tmp_path_factory.mktemp("projects")

    def get(project: str, execution: str, device: str) -> Path:
        folder = place / f"{project}-{execution}-{device}"
        if not folder.exists():
            options = [f"exec={execution}", f"device={device}", f"train.steps={STEPS}", "summary.every=1"]
            command = [*projects.command(project), *options, f"hydra.run.dir={folder}"]
            projects.run(jobs, *command, project=project).check()
        return folder

    return get


def compared() -> list[object]:
    every = itertools.product(projects.NAMES, choices("exec"), ("all", "virtual"))
    others = [case for case in every if case[1:] != ("function", "all") and case[1] in projects.modes(case[0])]
    return [pytest.param(*case, marks=[] if case in QUICK else [pytest.mark.slow]) for case in others]


@pytest.mark.parametrize(("project", "execution", "device"), compared())
def test_modes_and_replicas_agree(trained, project, execution, device):
    run, reference = trained(project, execution, device), trained(project, "function", "all")
    assert len(losses(reference)) == STEPS
    np.testing.assert_allclose(losses(run), losses(reference), rtol=1e-4)
    found, expected = results(run)["test"], results(reference)["test"]
    assert found.keys() == expected.keys()
    assert found["examples"] == expected["examples"] > 100
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-4, abs=1e-3), name


@pytest.mark.parametrize(
    "project", [pytest.param(name, marks=[] if name == "regression" else [pytest.mark.slow]) for name in projects.NAMES]
)
def test_a_test_gives_what_training_ended_with(jobs, trained, tmp_path, project):
    run = trained(project, "function", "all")
    prefix = f"{projects.module(project).stem}."
    for size in (None, 7, 1000):
        options = [f"data.batch_size={size}"] if size else []
        test = [f"run={run}", f"trusted_targets=[{prefix}]", *options, f"hydra.run.dir={tmp_path / str(size)}"]
        projects.run(jobs, "mode=test", *test, project=project).check()
        found, expected = results(tmp_path / str(size))["test"], results(run)["test"]
        assert found == (pytest.approx(expected, rel=1e-6) if size else expected)


@pytest.mark.parametrize(
    ("project", "execution"),
    [
        pytest.param(*case, marks=[] if case in QUICK_KILLS else [pytest.mark.slow])
        for case in itertools.product(projects.NAMES, choices("exec"))
        if case[1] in projects.modes(case[0])
    ],
)
def test_a_killed_run_goes_on_to_the_same_end(jobs, trained, tmp_path, project, execution):
    whole = trained(project, execution, "all")
    options = [f"exec={execution}", f"train.steps={STEPS}", "summary.every=1", "checkpoint.every=20"]
    arguments = [*projects.command(project), *options, f"hydra.run.dir={tmp_path / 'run'}"]
    folder = projects.FOLDER / project
    killed = jobs.start_alone(arguments, folder, die_at=33, said=tmp_path / "output.txt", PYTHONPATH=str(folder))
    assert killed.wait() == -signal.SIGKILL, (tmp_path / "output.txt").read_text()
    prefix = f"{projects.module(project).stem}."
    resumed = [f"resume={tmp_path / 'run'}", f"trusted_targets=[{prefix}]"]
    projects.run(jobs, *resumed, project=project).check()
    assert results(tmp_path / "run")["weights_sha256"] == results(whole)["weights_sha256"]
    assert losses(tmp_path / "run") == losses(whole)
    assert results(tmp_path / "run")["test"] == results(whole)["test"]


def test_metrics_are_known_by_their_names_everywhere(trained):
    run = trained("regression", "function", "all")
    assert list(results(run)["test"]) == ["loss", "mae", "r2", "examples"]
    assert json.loads((run / "manifest.json").read_text())["metrics"] == {"mae": "min", "r2": "max"}
    assert "accuracy" not in (run / "run.log").read_text()


@pytest.mark.parametrize("project", projects.NAMES)
def test_a_project_is_a_python_file_and_two_short_yaml_files(project):
    files = sorted(path.relative_to(projects.FOLDER / project) for path in (projects.FOLDER / project).rglob("*.*"))
    files = [path for path in files if "__pycache__" not in path.parts]
    assert [path.suffix for path in files] == [".yaml", ".yaml", ".py"]
    assert all(len((projects.FOLDER / project / path).read_text().splitlines()) <= 4 for path in files[:2])
