"""`logger`: what it may be, a sentence for all else; and that no run becomes another one by it."""

import pytest

from exp.config.config_hash import config_hash
from exp.config.flat import flat_config
from exp.config.loggers import Mlflow, parse_loggers, server_given, server_to_trust
from exp.errors import UserError

SERVER = {"tracking_uri": None, "experiment": "exp", "artifacts": True}


def test_what_is_chosen_is_what_is_there():
    found = parse_loggers({"jsonl": {}, "mlflow": SERVER, "mine": {"_target_": "my.Mine", "x": 1}})
    assert (found.tensorboard, found.csv, found.mlflow) == (False, False, Mlflow(**SERVER))
    assert (found.own["mine"].name, found.own["mine"].arguments) == ("my.Mine", {"x": 1})


@pytest.mark.parametrize(
    ("node", "sentence"),
    [
        (None, "logger=null: must be a list of choices, such as logger=[tensorboard,jsonl]"),
        ("jsonl", "logger=jsonl: must be a list of choices, such as logger=[tensorboard,jsonl]"),
        (
            {"csv": {}},
            "logger=[csv]: lacks jsonl; comparisons, plots and reports read metrics.jsonl, so that every run writes "
            "it: logger=[csv,jsonl]",
        ),
        ({"jsonl": {"every": 1}}, "logger.jsonl.every: there is no such key; jsonl has none"),
        (
            {"jsonl": {}, "mlflow": {**SERVER, "experimet": "x"}},
            "logger.mlflow.experimet: there is no such key; did you mean logger.mlflow.experiment?",
        ),
        (
            {"jsonl": {}, "mlflow": {**SERVER, "x": 1}},
            "logger.mlflow.x: there is no such key; mlflow has tracking_uri, experiment, artifacts",
        ),
        ({"jsonl": {}, "mlflow": {**SERVER, "artifacts": 1}}, "logger.mlflow.artifacts=1: must be true or false"),
        (
            {"jsonl": {}, "mlflow": {"tracking_uri": None, "experiment": "x"}},
            "logger.mlflow.artifacts: is missing; must be true or false",
        ),
        (
            {"jsonl": {}, "mlflow": {**SERVER, "experiment": ""}},
            "logger.mlflow.experiment='': must be the name of an experiment, at most 500 characters",
        ),
        (
            {"jsonl": {}, "mlflow": {**SERVER, "tracking_uri": "http://me:secret@there"}},
            "logger.mlflow.tracking_uri: has a user or a password in it, which a run folder would keep; set "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD instead",
        ),
        (
            {"jsonl": {}, "mine": {"x": 1}},
            "logger.mine={'x': 1}: must be a node that names a logger of your own, such as {_target_: my_loggers.Mine}",
        ),
        (
            {"jsonl": {}, "mlfow": None},
            "logger.mlfow=None: must be a node that names a logger of your own, such as "
            "{_target_: my_loggers.Mine}; did you mean mlflow?",
        ),
    ],
)
def test_what_is_wrong_is_said(node, sentence):
    with pytest.raises(UserError) as error:
        parse_loggers(node)
    assert str(error.value) == sentence


@pytest.mark.parametrize("address", ["sqlite:///x.db", "mlruns", "file:///etc", "http://", "http://[x", "databricks"])
def test_an_address_is_that_of_a_server(address):
    with pytest.raises(UserError, match="must be null, or the address of a server"):
        parse_loggers({"jsonl": {}, "mlflow": {**SERVER, "tracking_uri": address}})


def test_no_run_is_another_one_for_where_it_logs():
    plain = {"seed": 0, "train": {"steps": 5}}
    for loggers in ({"jsonl": {}}, {"jsonl": {}, "mlflow": SERVER}):
        assert config_hash({**plain, "logger": loggers}) == config_hash(plain)
        found = flat_config({**plain, "logger": loggers}, threads=None, choices={})
        assert found == flat_config(plain, threads=None, choices={})


def test_a_folder_names_no_server_that_the_user_does_not_name(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    theirs = {"mlflow": {**SERVER, "tracking_uri": "http://theirs"}}
    assert server_to_trust({"mlflow": SERVER}, {"jsonl": {}}) is None
    assert server_to_trust({"jsonl": {}}, {"jsonl": {}}) is None
    assert server_to_trust(theirs, {"jsonl": {}}) == "http://theirs"
    assert server_to_trust(theirs, {"mlflow": {**SERVER, "tracking_uri": "http://mine"}}) == "http://theirs"
    assert server_to_trust(theirs, theirs) is None
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://theirs")
    assert server_to_trust(theirs, {"jsonl": {}}) is None


def test_a_command_that_goes_on_names_the_server():
    with_server = {"jsonl": {}, "mlflow": {**SERVER, "tracking_uri": "http://mine:5000"}}
    assert server_given(parse_loggers(with_server)) == "MLFLOW_TRACKING_URI=http://mine:5000 "
    assert server_given(parse_loggers({"jsonl": {}, "mlflow": SERVER})) == ""
