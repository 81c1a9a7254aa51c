"""Loggers, as a user asks for them: a real MLflow server, the user's own, a table; the run never waits for them."""

import csv
import json
import os
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.jobs import Done, Jobs, metrics, results
from tests.support.mlflow_server import MLFLOW, Server
from tests.support.programs import Programs
from tests.support.root import ROOT
from tests.support.sweeping import sweep

needs_mlflow = pytest.mark.skipif(not MLFLOW.is_dir(), reason="needs `make .venv/.mlflow`")
OWN = "trusted_targets=[tests.]"
SHORT = ("data.limit=2000", "train.steps=60", "summary.every=5", "checkpoint.every=20")


@pytest.fixture(scope="module")
def mlflow_programs() -> Iterator[Programs]:
    """Programs that have MLflow."""
    with Programs("tests.support.preload", paths=[str(MLFLOW), str(ROOT)]) as programs:
        yield programs


@pytest.fixture(scope="module")
def lines(mlflow_programs: Programs) -> Iterator[Jobs]:
    """Runs command lines of such programs."""
    with Jobs(mlflow_programs) as jobs:
        yield jobs


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for all tests that leave it alive."""
    made = Server(tmp_path_factory.mktemp("server"))
    yield made
    made.end()


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that is stopped by one test, and killed by another."""
    made = Server(tmp_path_factory.mktemp("mortal"))
    yield made
    made.end()


def to(server: Server, experiment: str = "exp") -> list[str]:
    """Log to a server, too."""
    address = f"logger.mlflow.tracking_uri={server.address}"
    return ["+logger=mlflow", address, f"logger.mlflow.experiment={experiment}"]


def struck(server: Server, *, at: int, seen: int, number: int, group: int | None = None) -> list[str]:
    """At a step, once the server has an earlier one, a signal is sent."""
    what = {"at": at, "address": f'"{server.address}"', "seen": seen, "signal_number": int(number), "group": group}
    node = {"_target_": "tests.support.mlflow_server.strike", "every": 5, **what}
    pairs = ",".join(f"{key}:{'null' if value is None else value}" for key, value in node.items())
    return [f"hooks=[{{{pairs}}}]", OWN]


def told(done: Done, name: str) -> list[str]:
    return [line for line in (done.output + done.errors).splitlines() if line.startswith(f"logger {name}: ")]


def logged(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """What `metrics.jsonl` has, by tag."""
    found: dict[str, list[tuple[int, float]]] = {}
    for row in metrics(folder):
        for key, value in row.items():
            if key not in ("step", "epoch"):
                found.setdefault("train/loss" if key == "loss" else key, []).append((row["step"], value))
    return found


def check_mirrors(server: Server, run: dict[str, Any], folder: Path) -> None:
    """The server has each step of `metrics.jsonl` once, with the same value."""
    wanted = logged(folder)
    assert run["metrics"].keys() == wanted.keys()
    for tag, values in wanted.items():
        assert server.history(run["run_id"], tag) == values, tag


@needs_mlflow
def test_parameters_metrics_and_files_arrive(lines, server, tmp_path):
    done = lines.run(*to(server, "one"), *SHORT, "data.validation=100", "hydra.run.dir=r", cwd=tmp_path).check()
    assert told(done, "mlflow") == []
    (name, run), *others = server.runs("one").items()
    assert (name, others, run["status"]) == ("r", [], "FINISHED")
    shown = f"{server.address}/#/experiments/{run['experiment_id']}/runs/{run['run_id']}"
    assert [line.split()[-1] for line in done.output.splitlines() if line.startswith("MLflow:")] == [shown]
    assert run["params"]["model"] == "mlp"
    assert run["params"]["data.validation"] == "100"
    assert not any(key.startswith("logger") for key in run["params"])
    assert {"train/loss", "validation/loss", "test/accuracy"} <= run["metrics"].keys()
    check_mirrors(server, run, tmp_path / "r")
    files = ["config.yaml", "manifest.json", "overrides.yaml", "results.json", "run.log"]
    assert server.artifacts(run["run_id"]) == files


@needs_mlflow
def test_a_run_that_is_killed_and_resumed_is_one_run_with_each_step_once(lines, server, tmp_path):
    """It is killed between two checkpoints, when the server has steps that are made again."""
    command = [*to(server, "killed"), *SHORT, "hydra.run.dir=r"]
    killed = lines.run(*command, *struck(server, at=55, seen=50, number=signal.SIGKILL), cwd=tmp_path)
    assert killed.status == -signal.SIGKILL
    assert server.runs("killed")["r"]["status"] == "RUNNING"
    assert not (tmp_path / "r" / "results.json").exists()
    done = lines.run("resume=r", OWN, cwd=tmp_path, MLFLOW_TRACKING_URI=server.address).check()
    assert re.search(r"restored r/checkpoints/ckpt-[24]0\b", done.output)  # the newest that was written by then
    runs = server.runs("killed")
    assert list(runs) == ["r"]
    assert runs["r"]["status"] == "FINISHED"
    assert [step for step, _ in logged(tmp_path / "r")["train/loss"]] == list(range(5, 61, 5))
    check_mirrors(server, runs["r"], tmp_path / "r")
    assert "exp.repeated_from_step" not in runs["r"]["tags"]


@needs_mlflow
def test_a_server_that_hangs_in_mid_run_stops_nothing(lines, mortal, tmp_path):
    struck_at = struck(mortal, at=30, seen=10, number=signal.SIGSTOP, group=mortal.group)
    try:
        done = lines.run(*to(mortal), *SHORT, *struck_at, "hydra.run.dir=r", cwd=tmp_path).check()
    finally:
        os.killpg(mortal.group, signal.SIGCONT)
    assert results(tmp_path / "r")["status"] == "completed"
    assert len(told(done, "mlflow")) == 1
    assert "off for the rest of this run" in told(done, "mlflow")[0]
    assert metrics(tmp_path / "r")[-1]["step"] == 60


@needs_mlflow
def test_a_server_that_is_killed_in_mid_run_stops_nothing(lines, mortal, tmp_path):
    struck_at = struck(mortal, at=30, seen=10, number=signal.SIGKILL, group=mortal.group)
    done = lines.run(*to(mortal), *SHORT, *struck_at, "hydra.run.dir=r", cwd=tmp_path).check()
    assert results(tmp_path / "r")["status"] == "completed"
    assert len(told(done, "mlflow")) == 1
    assert told(done, "mlflow")[0].startswith(
        f"logger mlflow: failed: ConnectionError: the server {mortal.address} does not answer; it is off"
    )
    assert "ConnectionError" in (tmp_path / "r" / "run.log").read_text()
    assert "Traceback" not in done.output + done.errors
    assert metrics(tmp_path / "r")[-1]["step"] == 60


@needs_mlflow
def test_the_jobs_of_a_sweep_have_a_parent(mlflow_programs, server, tmp_path):
    paths = {"programs": mlflow_programs, "PYTHONPATH": os.pathsep.join([str(MLFLOW), str(ROOT)])}
    command = [*to(server, "swept"), *SHORT, "hydra.launcher.n_jobs=2", "hydra.sweep.dir=s"]
    done = sweep(*command, "seed=1,2", cwd=tmp_path, **paths)
    assert done.returncode == 0, done.stdout + done.stderr
    assert sweep(*command, "seed=1,2,3", cwd=tmp_path, **paths).returncode == 0
    runs = server.runs("swept")
    assert set(runs) == {"s", "seed-1", "seed-2", "seed-3"}
    parent = runs.pop("s")
    assert {run["tags"]["mlflow.parentRunId"] for run in runs.values()} == {parent["run_id"]}
    assert {run["status"] for run in [parent, *runs.values()]} == {"FINISHED"}
    check_mirrors(server, runs["seed-2"], tmp_path / "s" / "seed-2")


@needs_mlflow
def test_a_folder_does_not_say_where_to_send(lines, server, tmp_path):
    """A folder may be a stranger's: the server that it names must be one that the user names, too."""
    lines.run(*to(server, "theirs"), *SHORT, "hydra.run.dir=r", cwd=tmp_path).check()
    done = lines.run("resume=r", "train.steps=80", cwd=tmp_path)
    assert done.status == 2
    assert done.errors.startswith(f"logger.mlflow.tracking_uri={server.address}: is what the folder says")
    assert f"MLFLOW_TRACKING_URI={server.address} " in done.errors
    lines.run("resume=r", "train.steps=80", *to(server, "theirs"), cwd=tmp_path).check()
    runs = server.runs("theirs")
    run, kept = runs["r"], logged(tmp_path / "r")
    assert server.history(run["run_id"], "train/loss") == kept["train/loss"]
    assert run["metrics"]["test/loss"] == kept["test/loss"][-1][1]
    assert run["tags"]["exp.taken_back"] == "test/loss of step 60, test/accuracy of step 60"
    assert runs["r"]["params"]["train.steps"] == "60"
    assert runs["r"]["tags"]["exp.changed.train.steps"] == "80"
    lines.run("mode=test", "run=r", "hydra.run.dir=t", cwd=tmp_path).check()
    assert list(server.runs("theirs")) == ["r"]


@needs_mlflow
def test_the_page_shows_the_run(lines, server, tmp_path):
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip("needs Debian's chromium and chromium-driver")
    from tests.e2e.test_tensorboard import FLAGS, PICTURES
    from tests.support.sweeping import wait_for

    lines.run(*to(server, "seen"), *SHORT, "hydra.run.dir=shown", cwd=tmp_path).check()
    run = server.runs("seen")["shown"]
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in FLAGS:
        options.add_argument(flag)
    browser = webdriver.Chrome(options=options, service=Service(driver))
    try:
        browser.get(f"{server.address}/#/experiments/{run['experiment_id']}/runs/{run['run_id']}")

        def shows() -> bool:
            text = browser.find_element("css selector", "body").text
            return all(word in text for word in ("shown", "train/loss", "test/accuracy", "Finished"))

        wait_for(shows, 60)
        PICTURES.mkdir(parents=True, exist_ok=True)
        assert browser.save_screenshot(str(PICTURES / "mlflow.png"))
    finally:
        browser.quit()


@needs_mlflow
def test_a_server_that_is_not_there_stops_nothing(lines, server, tmp_path):
    """And what the run has logged arrives when it goes on and the server is there."""
    address = "logger.mlflow.tracking_uri=http://127.0.0.1:9"
    done = lines.run("+logger=mlflow", address, *SHORT, "hydra.run.dir=r", cwd=tmp_path).check()
    assert told(done, "mlflow") == [
        "logger mlflow: failed: ConnectionError: the server http://127.0.0.1:9 does not answer; it is off for the "
        "rest of this run, and what was logged may not have arrived there"
    ]
    assert results(tmp_path / "r")["status"] == "completed"
    lines.run("resume=r", "train.steps=80", *to(server, "late"), cwd=tmp_path).check()
    assert server.history(server.runs("late")["r"]["run_id"], "train/loss") == logged(tmp_path / "r")["train/loss"]


def test_mlflow_that_is_not_installed_is_asked_for(jobs, tmp_path):
    done = jobs.run("+logger=mlflow", cwd=tmp_path)
    assert (done.status, done.output) == (2, "")
    assert done.errors == (
        "logger=mlflow: needs MLflow's client: pip install 'exp[mlflow]'; or log elsewhere: "
        "'logger=[tensorboard,jsonl]'\n"
    )


def test_a_logger_of_ones_own_is_told_what_it_has_methods_for(jobs, tmp_path):
    (tmp_path / "conf" / "logger").mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text('[tool.exp]\ntrusted = ["tests."]\n')
    node = {"notes": {"_target_": "tests.support.own_loggers.Notes", "path": "notes"}}
    (tmp_path / "conf" / "logger" / "notes.yaml").write_text(json.dumps(node))
    jobs.run("logger=[jsonl,notes]", *SHORT, "hydra.run.dir=outputs/r", cwd=tmp_path).check()
    folder = tmp_path / "outputs" / "r"
    assert not list(folder.glob("events*"))
    notes = [json.loads(line) for line in (tmp_path / "notes").read_text().splitlines()]
    assert notes[0] == ["begun", "r", 0]
    assert [note[1:] for note in notes if note[0] == "loss"] == [[row["step"], row["loss"]] for row in metrics(folder)]
    assert notes[-1] == ["closed"]
    assert notes[-2][0] == "metrics"
    jobs.run("resume=outputs/r", "train.steps=80", cwd=tmp_path).check()
    assert ["begun", "r", 60] in [json.loads(line) for line in (tmp_path / "notes").read_text().splitlines()]


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("Raises", "failed: OSError: the line is cut"),
        ("Hangs", "did not take everything in time"),
        ("Nothing", "failed: TypeError: has none of the methods losses, metrics,"),
        ("leaves", "failed: "),
    ],
)
def test_a_logger_of_ones_own_that_fails_or_hangs_stops_nothing(jobs, tmp_path, target, why):
    own = f"+logger.mine={{_target_:tests.support.own_loggers.{target}}}"
    done = jobs.run(own, OWN, *SHORT, "hydra.run.dir=r", cwd=tmp_path).check()
    assert results(tmp_path / "r")["status"] == "completed"
    assert len(told(done, "mine")) == 1
    assert told(done, "mine")[0].startswith(f"logger mine: {why}")
    assert "Traceback" not in done.output + done.errors
    log = (tmp_path / "r" / "run.log").read_text()
    assert ("Traceback" in log) == (target != "Hangs")


@pytest.mark.parametrize(
    ("node", "sentence"),
    [
        ("{_target_:tests.support.own_loggers.Hang}", "cannot be found"),
        ("{_target_:tests.support.own_loggers.Hangs,x:1}", "logger.mine.x: there is no such key"),
        ("{_target_:tests.support.own_loggers.Notes}", "missing a required argument: 'path'"),
    ],
)
def test_a_logger_that_cannot_be_is_refused(jobs, tmp_path, node, sentence):
    done = jobs.run(f"+logger.mine={node}", OWN, *SHORT, "hydra.run.dir=r", cwd=tmp_path)
    assert done.status == 2
    assert sentence in done.errors
    assert done.errors.startswith("logger.mine.")
    assert not (tmp_path / "r" / "manifest.json").exists()


def test_a_table_goes_on_when_its_run_does(jobs, tmp_path):
    command = ["+logger=csv", *SHORT, "data.validation=100", "hydra.run.dir=r"]
    program = jobs.start_alone(command, tmp_path, die_at=55)
    assert program.wait() == -signal.SIGKILL
    table = tmp_path / "r" / "metrics.csv"
    with table.open("a") as file:
        file.write("50,0.")  # a line that a killed process did not finish
    jobs.run("resume=r", cwd=tmp_path).check()
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    wanted = metrics(tmp_path / "r")
    assert [int(row["step"]) for row in rows] == list(range(5, 61, 5))
    found = [{key: float(value) for key, value in row.items() if value} for row in rows]
    assert found == wanted


@needs_mlflow
def test_a_run_that_goes_back_says_that_the_server_cannot_forget(lines, server, tmp_path):
    """A linear regression whose steps are too large, from `test_choosing`."""
    chance = np.random.default_rng(0)
    x = chance.normal(size=(400, 4)).astype(np.float32)
    np.savez(tmp_path / "n.npz", x_train=x, y_train=x @ np.ones((4, 1), np.float32), x_test=x, y_test=x[:, :1])
    command = [
        *("data=arrays", "data.file=n.npz", "data.batch_size=400", "task=regression", "train.steps=60"),
        *("model._target_=tests.support.models.linear", "~model.hidden", OWN, "optimizer=sgd"),
        *("optimizer.learning_rate=3", "train.on_nan=rewind", "train.rewind_factor=0.1", "checkpoint.every=5"),
        *("summary.every=1", "hydra.run.dir=r", "logger=[jsonl,csv,mlflow]"),
    ]
    done = lines.run(*command, *to(server, "rewound")[1:], cwd=tmp_path).check()
    (rewind,) = results(tmp_path / "r")["rewinds"]
    first = rewind["back_to"] + 1
    run, kept = server.runs("rewound")["r"], logged(tmp_path / "r")
    assert run["tags"]["exp.repeated_from_step"] == str(first)
    assert told(done, "mlflow") == [
        f"logger mlflow: from step {first} on there are values of an earlier attempt, which MLflow cannot forget; the "
        "newest of a step is the one that metrics.jsonl has"
    ]
    assert server.newest(run["run_id"], "train/loss") == kept["train/loss"]
    made_again = rewind["diverged_at"] - first  # but for the first, whose weights are the same
    assert len(server.history(run["run_id"], "train/loss")) == 60 + made_again
    with (tmp_path / "r" / "metrics.csv").open(newline="") as file:
        assert [(int(row["step"]), float(row["loss"])) for row in csv.DictReader(file)] == kept["train/loss"]


@needs_mlflow
def test_a_test_is_a_run_of_its_own(lines, server, tmp_path):
    lines.run(*SHORT, "hydra.run.dir=r", cwd=tmp_path).check()
    lines.run("mode=test", "run=r", *to(server, "tests"), "hydra.run.dir=t", cwd=tmp_path).check()
    run = server.runs("tests")["t"]
    assert (run["status"], run["tags"]["exp.mode"]) == ("FINISHED", "test")
    check_mirrors(server, run, tmp_path / "t")
