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
    ("gan", "function", "virtual"),
}
"""What is always compared with `function` on one replica; the rest is slow."""
MEASURED = ("gan",)
"""What is measured there, a function of the project's own tells."""
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
    ("project", "execution"),
    [
        pytest.param(*case, marks=[] if case == ("regression", "function") else [pytest.mark.slow])
        for case in itertools.product(projects.NAMES, choices("exec"))
        if case[1] in projects.modes(case[0])
    ],
)
def test_a_test_gives_what_training_ended_with(jobs, trained, tmp_path, project, execution):
    """Exactly, and to 1e-6 with other batches."""
    run = trained(project, execution, "all")
    for size in (None, 7, 50, 1000):
        options = [f"data.batch_size={size}"] if size else []
        test = [f"run={run}", projects.trust(project), *options, f"hydra.run.dir={tmp_path / str(size)}"]
        projects.run(jobs, "mode=test", *test, project=project).check()
        found, expected = results(tmp_path / str(size))["test"], results(run)["test"]
        assert found == (pytest.approx(expected, rel=1e-6) if size else expected)


@pytest.mark.slow  # tests of metrics compare them with NumPy quickly, in tests/task
@pytest.mark.parametrize("project", [name for name in projects.NAMES if name not in MEASURED])
def test_the_metrics_are_those_that_numpy_computes_from_all_predictions(tf, jobs, trained, tmp_path, project):
    from exp.data.split import read_examples

    run = trained(project, "function", "all")
    export = [str(run), "--to", str(tmp_path / "export"), "--trust", f"{projects.module(project).stem}."]
    projects.run(jobs, *export, project=project, program="scripts/export.py").check()
    split = projects.imported(project).load().test
    features, targets = read_examples(split, range(split.size))
    served = tf.saved_model.load(str(tmp_path / "export" / "saved_model"))
    outputs = {name: tensor.numpy() for name, tensor in served.serve(features).items()}
    if "logits" in outputs:
        expected = {"accuracy": (outputs["logits"].argmax(axis=-1) == targets).mean()}
    else:
        wanted = targets if tf.nest.flatten(targets) else features / 255
        given, wanted = outputs["outputs"].astype(np.float64), wanted.reshape(outputs["outputs"].shape)
        residual, spread = ((x**2).sum(axis=0) for x in (given - wanted, wanted - wanted.mean(axis=0)))
        expected = {"mae": np.abs(given - wanted).mean(), "r2": (1 - residual / np.maximum(spread, 1e-12)).mean()}
    found = {name: value for name, value in results(run)["test"].items() if name not in ("loss", "examples")}
    assert found == pytest.approx({name: expected[name] for name in found}, rel=1e-6)


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
    resumed = [f"resume={tmp_path / 'run'}", projects.trust(project)]
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
