"""Jobs are composed as Hydra does it, checked, and told apart by what they ask for."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import OmegaConf, read_write

from exp.cli.conf import VERSION_BASE
from exp.errors import UserError
from exp.sweep.compose import Composer
from exp.sweep.plan import Plan
from tests.support.root import ROOT

EXPERIMENTS = {
    "local": "defaults:\n  - override /hydra/launcher: basic\n",
    "two": "hydra:\n  launcher:\n    n_jobs: 2\n",
    "placed": "hydra:\n  run:\n    dir: elsewhere\n",
    "searched": "defaults:\n  - override /hydra/sweeper: basic\n",
    "named": "hydra:\n  job:\n    name: mine\nseed: 7\n",
}


@pytest.fixture(scope="module")
def loader(tmp_path_factory) -> Iterator:
    """Hydra's, with some experiments that set more than a run's configuration."""
    more = tmp_path_factory.mktemp("conf")
    (more / "experiment").mkdir()
    for name, text in EXPERIMENTS.items():
        (more / "experiment" / f"{name}.yaml").write_text(f"# @package _global_\n{text}")
    with initialize_config_dir(str(ROOT / "conf"), version_base=VERSION_BASE):
        yield GlobalHydra.instance().config_loader(), f"hydra.searchpath=[file://{more}]"


def master(loader, *overrides: str):
    load, searchpath = loader
    return load.load_configuration("config", [searchpath, "hydra.sweep.dir=s", *overrides], RunMode.MULTIRUN)


def plan(loader, *overrides: str) -> Plan:
    return Plan(master(loader, *overrides), loader[0], threads=1, n_jobs=1)


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["seed=3"],
        ["model=cnn", "data.batch_size=20", "seed=3"],
        ["seed=3", "model=cnn", "model.hidden=5", "experiment=no-shuffle"],
        ["experiment=cnn-two-replicas", "train.epochs=2", "data.limit=null"],
        ["optimizer=sgd", "+optimizer.weight_decay=0.1", "++train.steps=3", "~model.hidden"],
        ["optimizer.learning_rate={_target_: a.B, x: 1}", "+optimizer.learning_rate.y=2"],
        ["data.transforms=[flip,{name: random_crop, size: 20}]", "train={epochs: 3}", "seed='7'"],
        ["experiment=named", "hydra.verbose=true"],
    ],
)
def test_a_job_is_composed_as_hydra_composes_it(loader, overrides):
    all_of_them = master(loader)
    composer = Composer(all_of_them, loader[0])
    composer.compose(["seed=99", "model=mlp", *overrides[:1]])  # what was composed before leaves no trace
    for _ in range(2):
        composed, expected = composer.compose(overrides), loader[0].load_sweep_config(all_of_them, overrides)
        if "hydra.verbose=true" in overrides:  # Hydra lists those apart
            expected.hydra.overrides.task, expected.hydra.job.override_dirname = [], ""
            expected.hydra.overrides.hydra = expected.hydra.overrides.hydra[:2]
            composed.hydra.overrides.task, composed.hydra.job.override_dirname = [], ""
        assert OmegaConf.to_yaml(composed) == OmegaConf.to_yaml(expected)
        assert composed == expected


@pytest.mark.parametrize(
    ("experiment", "key"),
    [
        ("local", "hydra/launcher=basic"),
        ("searched", "hydra/sweeper=basic"),
        ("two", "hydra.launcher.n_jobs=2"),
        ("placed", "hydra.run.dir=elsewhere"),
    ],
)
def test_what_holds_for_a_whole_sweep_cannot_come_from_what_is_swept(loader, experiment, key):
    """It would have no effect."""
    jobs = [["experiment=no-shuffle"], [f"experiment={experiment}"]]
    with pytest.raises(UserError) as error:
        plan(loader).jobs(jobs, first=0)
    assert str(error.value) == (
        f"experiment={experiment}: {key}: holds for all jobs of a sweep, and so cannot come from what is swept; give "
        "it on the command line\n1 of 2 jobs cannot be, and none was started"
    )


def test_what_was_chosen_for_the_sweep_is_no_difference(loader):
    """As `exp.cli.main` chooses a folder, where the command line names none."""
    all_of_them = master(loader, "seed=1,2")
    with read_write(all_of_them.hydra.sweep):
        all_of_them.hydra.sweep.dir = "chosen"
    Composer(all_of_them, loader[0]).compose(["seed=1"])


def test_an_experiment_that_is_not_swept_may_set_it(loader):
    for experiment in ("two", "placed", "named"):
        given = f"experiment={experiment}"
        (job,) = plan(loader, given).jobs([[given, "seed=1"]], first=0)
        assert job.composed.seed == 1
    assert master(loader, "experiment=local").hydra.runtime.choices["hydra/launcher"] == "basic"


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (["seed=0", "seed=0", "seed=1", "seed=0"], ["seed-0", "seed-0", "seed-1", "seed-0"]),
        (
            ["optimizer.learning_rate=1e-5", "optimizer.learning_rate=0.00001"],
            ["learning_rate-1e-5", "learning_rate-1e-5"],
        ),
        (["train.steps=null", "train.epochs=1"], ["steps-null", "steps-null"]),
    ],
)
def test_what_asks_for_the_same_is_one_job(loader, values, names):
    jobs = plan(loader).jobs([[value] for value in values], first=0)
    assert [job.name for job in jobs] == names


def test_tests_of_two_runs_with_one_configuration_are_two_jobs(loader, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (job,) = plan(loader).jobs([["seed=1"]], first=0)
    for run in ("a", "b"):
        (Path(run) / ".hydra").mkdir(parents=True)
        tree = OmegaConf.masked_copy(job.composed, [key for key in job.composed if key not in ("hydra", "run")])
        (Path(run) / ".hydra" / "config.yaml").write_text(OmegaConf.to_yaml(tree))
    jobs = plan(loader, "mode=test").jobs([["mode=test", "run=a"], ["mode=test", "run=b"]], first=0)
    assert [job.name for job in jobs] == ["a", "b"]


def test_checking_many_jobs_shows_how_far_it_is(loader, monkeypatch, capsys):
    monkeypatch.setattr("exp.terminal.progress.SECONDS_BETWEEN_LINES", 0)
    plan(loader).jobs([[f"seed={number}"] for number in range(3)], first=0)
    assert [line.partition(",")[0] for line in capsys.readouterr().out.splitlines()] == [
        f"checking jobs: {number} of 3" for number in (1, 2, 3)
    ]
