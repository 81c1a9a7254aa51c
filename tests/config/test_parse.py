"""`parse`: every wrong value is named with its key, and with what would be right."""

import copy
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from pydantic import ValidationError

from exp.config import Config, parse
from exp.errors import UserError

CONF = str(Path(__file__).resolve().parents[2] / "conf")


@pytest.fixture(scope="module")
def defaults() -> dict[str, Any]:
    with initialize_config_dir(CONF, version_base="1.3"):
        return OmegaConf.to_container(compose("config"), resolve=True)


def changed(tree: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    tree = copy.deepcopy(tree)
    *groups, key = path.split(".")
    node = tree
    for group in groups:
        node = node[group]
    node[key] = value
    return tree


def test_defaults_parse_to_frozen_objects(defaults):
    config = parse(defaults)
    assert config.data.batch_size == 50
    assert config.data.buffer_size == 10_000
    assert config.model.name == "exp.model.mlp.create"
    assert config.model.arguments == {"hidden": 100}
    assert config.data.target.arguments == {"source": "bundled", "dir": None}
    with pytest.raises(ValidationError, match="frozen"):
        config.seed = 1


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("data.batch_size", 0, "data.batch_size=0: must be a whole number above 0"),
        ("data.batch_size", -4, "data.batch_size=-4: must be a whole number above 0"),
        ("data.batch_size", 1e3, "data.batch_size=1000.0: must be a whole number"),
        ("data.batch_size", "many", "data.batch_size=many: must be a whole number"),
        ("data.batch_size", True, "data.batch_size=true: must be a whole number"),
        ("data.buffer_size", 0, "data.buffer_size=0: must be a whole number above 0"),
        ("data.limit", 0, "data.limit=0: must be a whole number above 0"),
        ("data.source", "web", "data.source=web: must be one of bundled, tfds or idx"),
        ("optimizer.learning_rate", float("nan"), "optimizer.learning_rate=nan: must be a finite number above 0"),
        ("optimizer.learning_rate", float("inf"), "optimizer.learning_rate=inf: must be a finite number above 0"),
        ("optimizer.learning_rate", "fast", "optimizer.learning_rate=fast: must be a finite number above 0"),
        ("optimizer.beta_1", 1.0, "optimizer.beta_1=1.0: must be a number below 1"),
        ("model.hidden", 0, "model.hidden=0: must be a whole number above 0"),
        ("exec.name", "graph", "exec.name=graph: must be one of eager, function, session or fit"),
        ("exec.jit_compile", 1, "exec.jit_compile=1: must be true, false, or auto"),
        ("exec.steps_per_call", 0, "exec.steps_per_call=0: must be a whole number of at least 1"),
        ("device.name", "cloud", "device.name=cloud: must be one of all, subset, virtual"),
        ("device.memory", 5, "device.memory=5: must be growth, full, a limit of at least 64"),
        ("device.memory", "half", "device.memory=half: must be growth, full, a limit of at least 64"),
        ("device.threads", 0, "device.threads=0: must be a whole number of at least 1"),
        ("train.epochs", None, "train.epochs=null: must be a whole number"),
        ("train.steps", 0, "train.steps=0: must be a whole number above 0"),
        ("checkpoint.name", "../ckpt", "checkpoint.name=../ckpt: must be a plain file name"),
        ("summary.every", 0, "summary.every=0: must be a whole number above 0"),
        ("seed", -1, "seed=-1: must be a whole number of at least 0"),
        ("seed", 2**32, "seed=4294967296: must be a whole number below 4294967296"),
        ("mode", "fly", "mode=fly: must be one of train or test"),
        ("trusted_targets", "my.", "trusted_targets=my.: must be a list"),
    ],
)
def test_wrong_values_are_named(defaults, path, value, message):
    with pytest.raises(UserError) as error:
        parse(changed(defaults, path, value))
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("path", "nearest"),
    [
        ("data.batchsize", "data.batch_size"),
        ("data.bufer_size", "data.buffer_size"),
        ("model.hiden", "model.hidden"),
        ("optimizer.lerning_rate", "optimizer.learning_rate"),
        ("exec.jit", "exec.jit_compile"),
        ("sed", "seed"),
        ("batch_size", "data.batch_size"),
        ("learning_rate", "optimizer.learning_rate"),
    ],
)
def test_unknown_keys_name_the_nearest_known_one(defaults, path, nearest):
    with pytest.raises(UserError, match=rf"^{path}: there is no such key; did you mean {nearest}\?$"):
        parse(changed(defaults, path, 1))


def test_a_key_of_another_device_layout_names_that_layout(defaults):
    with pytest.raises(UserError, match=r"^device.indices: .* device=subset has$"):
        parse(changed(defaults, "device.indices", [0]))


def test_all_wrong_keys_are_listed(defaults):
    tree = changed(changed(defaults, "data.batch_size", 0), "train.epochs", 0)
    with pytest.raises(UserError) as error:
        parse(tree)
    assert [line.split("=")[0] for line in str(error.value).splitlines()] == ["data.batch_size", "train.epochs"]


def test_a_missing_key_is_named(defaults):
    tree = copy.deepcopy(defaults)
    del tree["data"]["batch_size"]
    with pytest.raises(UserError, match=r"^data.batch_size: is missing"):
        parse(tree)


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"exec.name": "eager", "exec.steps_per_call": 5}, "exec.steps_per_call=5"),
        ({"exec.name": "eager", "exec.jit_compile": True}, "exec.jit_compile=true"),
        ({"device": {"name": "virtual", "count": 2}, "exec.jit_compile": True}, "exec.jit_compile=true"),
        ({"device": {"name": "virtual", "count": 4}, "data.batch_size": 3}, "data.batch_size=3"),
        ({"device": {"name": "virtual", "count": 3}, "exec.name": "fit"}, "data.batch_size=50"),
        ({"exec.name": "fit", "exec.steps_per_call": 7}, "checkpoint.every=100"),
        ({"device.memory": 0.5}, "device.memory=0.5"),
    ],
)
def test_impossible_combinations_are_refused(defaults, changes, key):
    tree = defaults
    for path, value in changes.items():
        whole = {"memory_limit_mb": None, "threads": None, **value} if path == "device" else value
        tree = changed(tree, path, whole)
    with pytest.raises(UserError) as error:
        parse(tree)
    assert str(error.value).startswith(f"{key}: ")


def test_a_schedule_is_a_learning_rate(defaults):
    node = {"_target_": "keras.optimizers.schedules.ExponentialDecay", "initial_learning_rate": 0.1}
    config = parse(changed(defaults, "optimizer.learning_rate", node))
    assert config.optimizer.arguments["learning_rate"] == node


def test_every_choice_of_every_group_parses():
    conf = Path(CONF)
    with initialize_config_dir(CONF, version_base="1.3"):
        for path in sorted(conf.glob("*/*.yaml")):
            several = "+" if path.parent.name == "logger" else ""
            choice = f"{several}{path.parent.name}={path.stem}"
            config = parse(OmegaConf.to_container(compose("config", overrides=[choice]), resolve=True))
            assert isinstance(config, Config)
