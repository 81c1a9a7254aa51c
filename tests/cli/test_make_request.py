"""One request from the command line on: what it holds, and that nothing is parsed, looked up or listed twice."""

import json
from collections import Counter
from pathlib import Path

import pytest
import yaml

from exp.cli import effective_config, make_request
from exp.cli.make_request import take_request, with_cluster
from exp.config.config_hash import config_hash
from exp.data.images.scan import find
from exp.errors import UserError
from exp.run_folder import names
from exp.run_folder.folder import RunFolder
from exp.run_folder.results import Results
from tests.support.conf import composed
from tests.support.pictures import picture_folder
from tests.support.requests import planned, requested, requested_by


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("TF_CONFIG", "SLURM_PROCID"):
        monkeypatch.delenv(name, raising=False)


def begun(asked: make_request.Request, *, status: str = "interrupted") -> Path:
    """Leave in the folder of a request what a run leaves there."""
    folder = RunFolder(asked.folder)
    folder.write_config(asked.config_files)
    folder.write_manifest({"config_hash": config_hash(asked.tree)})
    folder.write_results(Results(mode="train", status=status).facts())
    folder.close()
    return asked.folder


def worker(index: int) -> str:
    """`TF_CONFIG` of one of two workers."""
    cluster = {"worker": ["localhost:2001", "localhost:2002"]}
    return json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})


@pytest.fixture
def calls(monkeypatch) -> Counter:
    """How often configurations were parsed, and the cluster looked up."""
    counted: Counter = Counter()

    def count(module: object, name: str) -> None:
        function = getattr(module, name)

        def counting(*arguments, **options):
            counted[name] += 1
            return function(*arguments, **options)

        monkeypatch.setattr(module, name, counting)

    count(effective_config, "parse")
    count(make_request, "find_cluster")
    return counted


def test_a_run_gets_a_folder_and_its_files(tmp_path):
    asked = requested("seed=3")
    assert asked.folder.parts[0] == "outputs"
    assert asked.folder.name.endswith("_mlp_mnist_function_all")
    assert (asked.config.seed, asked.tree["seed"], asked.resumed, asked.tested) == (3, 3, False, None)
    assert (asked.sweep, asked.cluster, asked.is_follower) == (None, None, False)
    assert asked.command[0] == "python"
    assert yaml.safe_load(asked.config_files["config.yaml"]) == asked.tree
    assert yaml.safe_load(asked.config_files["overrides.yaml"]) == ["seed=3"]
    hydra = yaml.safe_load(asked.config_files["hydra.yaml"])["hydra"]
    assert hydra["run"]["dir"] == str(asked.folder)
    assert hydra["runtime"]["output_dir"] == str(tmp_path / asked.folder)


def test_a_folder_below_the_current_one_is_written_from_there(tmp_path):
    assert requested(f"hydra.run.dir={tmp_path}/mine").folder == Path("mine")


def test_a_test_has_the_config_of_its_run():
    run = begun(requested("seed=3", "hydra.run.dir=r"), status="completed")
    asked = requested("mode=test", f"run={run}", "exec=eager", "hydra.run.dir=t")
    assert (asked.tested, asked.folder, asked.resumed) == (run, Path("t"), False)
    assert (asked.config.seed, asked.config.mode, asked.config.exec.name) == (3, "test", "eager")


def test_a_resumed_run_keeps_its_folder_and_config():
    run = begun(requested("seed=3", "hydra.run.dir=r"))
    asked = requested(f"resume={run}")
    assert (asked.folder, asked.resumed, asked.config.seed) == (run, True, 3)
    assert asked.config_files == {}


def test_a_run_that_was_warm_started_is_tested_by_its_own_checkpoints():
    run = begun(requested("checkpoint.restore=other", "checkpoint.scope=model", "hydra.run.dir=r"))
    assert requested("mode=test", f"run={run}").config.checkpoint.restore is None
    named = requested("mode=test", f"run={run}", "checkpoint.restore=r/checkpoints/ckpt-1")
    assert named.config.checkpoint.restore == "r/checkpoints/ckpt-1"


def test_a_test_is_not_resumed():
    run = begun(requested("hydra.run.dir=r"))
    test = begun(requested("mode=test", f"run={run}", "hydra.run.dir=t"))
    with pytest.raises(UserError, match=r"resume=t: is the folder of a test, which is not resumed"):
        requested(f"resume={test}")


def test_a_job_of_a_sweep_makes_its_own_request_and_resumes_its_run(calls):
    (job,) = planned([], [["seed=3"]])
    asked = with_cluster(requested_by(job))
    assert calls == {"parse": 2, "find_cluster": 1}  # the plan parses for all jobs, the job for itself
    assert (asked.folder, asked.resumed) == (job.folder, False)
    assert asked.sweep == {"folder": "s", "n_jobs": 1}
    assert config_hash(asked.tree) == job.config_hash
    begun(asked)
    assert requested_by(job).resumed


def test_a_job_refuses_the_run_of_another_configuration():
    one, other = planned([], [["seed=3"], ["seed=4"]])
    begun(requested_by(one))
    one.folder.rename(other.folder)
    with pytest.raises(UserError, match="s/seed-4: holds a run with another configuration"):
        requested_by(other)


def test_a_job_refuses_checkpoints_of_an_unknown_run():
    (job,) = planned([], [["seed=3"]])
    (job.folder / names.CHECKPOINTS).mkdir(parents=True)
    (job.folder / names.CHECKPOINTS / "ckpt-1.json").touch()
    with pytest.raises(UserError, match=r"has checkpoints, and no \.hydra/config\.yaml"):
        requested_by(job)


def test_a_follower_leaves_the_folder_to_the_chief(tmp_path, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", worker(1))
    asked = requested("device=workers")
    assert (asked.is_follower, asked.folder) == (True, Path())
    assert asked.cluster is not None
    assert asked.cluster.addresses == ("localhost:2001", "localhost:2002")
    assert list(tmp_path.iterdir()) == []


def test_the_chief_chooses_the_folder(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", worker(0))
    asked = requested("device=workers", "hydra.run.dir=r")
    assert (asked.is_follower, asked.folder) == (False, Path("r"))


def test_a_completed_run_of_workers_is_known_as_such_without_them(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", worker(0))
    run = begun(requested("device=workers", "hydra.run.dir=r"), status="completed")
    monkeypatch.delenv("TF_CONFIG")
    assert requested(f"resume={run}").cluster is None
    begun(requested(f"resume={run}"), status="interrupted")
    with pytest.raises(UserError, match="there is neither TF_CONFIG nor Slurm"):
        requested(f"resume={run}")


@pytest.mark.parametrize("workers", [False, True])
def test_a_run_is_parsed_once_and_its_cluster_looked_up_once(calls, monkeypatch, workers):
    if workers:
        monkeypatch.setenv("TF_CONFIG", worker(0))
    requested(*(["device=workers"] if workers else []))
    assert calls == {"parse": 1, "find_cluster": 1}


def test_without_a_preflight_the_job_makes_the_request(calls):
    asked = requested("hydra.run.dir=r", preflight=False)
    assert asked.folder == Path("r")
    assert calls == {"parse": 1, "find_cluster": 1}


def test_the_request_of_another_run_is_not_taken():
    def with_another_seed(composed):
        composed.seed = 4
        return take_request(composed)

    assert requested("seed=3", "hydra.run.dir=r", take=with_another_seed).config.seed == 4


def listed(monkeypatch) -> Counter:
    """How often each folder is listed from now on."""
    counted: Counter = Counter()
    iterdir = Path.iterdir

    def counting(self):
        counted[self.name] += 1
        return iterdir(self)

    monkeypatch.setattr(Path, "iterdir", counting)
    return counted


def test_a_run_lists_a_folder_of_pictures_once(monkeypatch):
    picture_folder(Path("pictures"), train=2, valid=1)
    counted = listed(monkeypatch)
    asked = requested("data=cats_vs_dogs", "data.dir=pictures", "data.batch_size=2", "data.cache_dir=cache")
    folder = Path(asked.config.data.target.arguments["dir"])
    find(folder, None)  # as the data set does when the run loads it
    assert (counted["cats"], counted["dogs"]) == (2, 2)  # once in train, once in valid
    find(folder, None)
    assert (counted["cats"], counted["dogs"]) == (4, 4)  # another run may find other files


def test_a_sweep_lists_a_folder_of_pictures_once_for_all_jobs(monkeypatch):
    picture_folder(Path("pictures"), train=2, valid=1)
    counted = listed(monkeypatch)
    shared = ["data=cats_vs_dogs", "data.dir=pictures", "data.batch_size=2", "data.cache_dir=cache"]
    planned(shared, [[*shared, f"seed={seed}"] for seed in range(5)])
    assert (counted["cats"], counted["dogs"]) == (2, 2)


@pytest.mark.parametrize("overrides", [[], ["data.validation=0.1"], ["objective=test/loss"]])
def test_a_search_needs_something_to_choose_by(overrides):
    """The validation split, or a figure that is named."""

    def asked(*, in_search: bool):
        return effective_config.effective_config(composed(*overrides), overrides=[], in_sweep=True, in_search=in_search)

    asked(in_search=False)
    if overrides:
        asked(in_search=True)
    else:
        with pytest.raises(UserError, match="objective=null: a search chooses by the validation split"):
            asked(in_search=True)
