"""Folders of jobs: short, readable, and never broken by what stands in a value."""

import re

import pytest

from exp.sweep.plan import LONGEST_NAME, folder_name


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        (["data.buffer_size=1000", "data.batch_size=32"], "buffer_size-1000_batch_size-32"),
        (["exec=eager", "device=virtual"], "eager_virtual"),
        (["seed=3"], "seed-3"),
        (["model=cnn", "optimizer.learning_rate=1e-05"], "cnn_learning_rate-1e-05"),
        (["+model.depth=2"], "depth-2"),
        ([], ""),
    ],
)
def test_names_say_what_was_swept(overrides, name):
    assert folder_name(overrides) == name


@pytest.mark.parametrize(
    "override",
    [
        "data.dir=/some/where/else",
        "data.dir=../../up",
        "data.transforms=[flip,{name: rot90, turns: 1}]",
        "checkpoint.restore=" + "x" * 300,
        "optimizer.learning_rate={_target_: keras.optimizers.schedules.CosineDecay, decay_steps: 10}",
        "model.name='quoted text with spaces'",
        "data.dir=..",
        "data.dir=ümläut/日本",
    ],
)
def test_any_value_gives_a_plain_name_of_its_own(override):
    name = folder_name([override])
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._+-]*", name)
    assert len(name) <= LONGEST_NAME
    assert folder_name([f"{override}2"]) != name


def test_values_that_look_the_same_get_names_of_their_own():
    values = ["a/b", "a,b", "a[b", "a b", "a-b"]
    assert len({folder_name([f"data.dir={value}"]) for value in values}) == len(values)


def test_keys_that_end_alike_are_kept_apart():
    assert folder_name(["train.every=1", "summary.every=2"]) != folder_name(["train.every=2", "summary.every=1"])
    assert folder_name(["checkpoint.every=1", "summary.every=2"]) != folder_name(["summary.every=1", "train.every=2"])
