"""Runs are known by the choices that a person made, and what a choice stands for is never hidden by its name."""

from pathlib import Path

import pytest
import yaml

from exp.config.choices import KINDS, label, name_by_itself, read_choices
from exp.config.flat import flat_config
from tests.support.root import ROOT


def config(**nodes):
    return {group: {"name" if group in ("exec", "device") else "_target_": value} for group, value in nodes.items()}


@pytest.mark.parametrize(
    "path", [path for group in KINDS for path in sorted((ROOT / "conf" / group).glob("*.yaml"))], ids=lambda p: p.stem
)
def test_our_choices_are_known_without_being_asked_for(path: Path):
    """Folders of earlier versions do not tell their choices, and are compared with those of today."""
    node = yaml.safe_load(path.read_text())
    assert name_by_itself(node[KINDS[path.parent.name]]) == path.stem


def test_a_choice_is_named_as_it_was_made():
    tree = config(model="mine.models.make", exec="function")
    flat = flat_config(tree, threads=None, choices={"model": "wide", "exec": "quick"})
    assert flat == {
        "model": "wide",
        "model._target_": "mine.models.make",
        "exec": "quick",
        "exec.name": "function",
    }
    assert flat_config(tree, threads=None, choices={}) == {"model": "make", "model._target_": "mine.models.make"} | {
        "exec": "function"
    }
    ours = config(model="exp.model.cnn.create")
    assert flat_config(ours, threads=None, choices={"model": "cnn"}) == {"model": "cnn"}


def test_another_target_under_the_same_name_can_be_seen():
    tree = config(model="exp.model.cnn.create")
    flat = flat_config(tree, threads=None, choices={"model": "mlp"})
    assert flat == {"model": "mlp", "model._target_": "exp.model.cnn.create"}


@pytest.mark.parametrize(
    ("choice", "part"),
    [
        ("mine", "mine"),
        ("deep/mine", "deep-mine"),
        ("../../up", "up"),
        ("..", "model"),
        ("ä b", "b"),
        ("x" * 99, "x" * 40),
    ],
)
def test_a_label_is_a_plain_file_name(choice, part):
    tree = config(model="m.create", data="d.load", exec="eager", device="all")
    assert label(tree, {"model": choice}) == f"{part}_d_eager_all"


@pytest.mark.parametrize("value", [None, 3, ["model"], {"model": 3, "other": "x"}, {"model": ""}])
def test_what_is_no_choice_in_a_manifest_is_left_out(value):
    assert read_choices(value) == {}
