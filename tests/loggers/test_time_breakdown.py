"""The verdict: shares that add up, and advice that names a key."""

from types import SimpleNamespace

import pytest

from exp.loggers.time_breakdown import Seconds, advice, shares


def config(*, cache=None, transforms=(), best=None, figures=100, histograms=None):
    return SimpleNamespace(
        checkpoint=SimpleNamespace(every=100, best=best),
        summary=SimpleNamespace(every=10, figures=figures, histograms=histograms),
        data=SimpleNamespace(target=SimpleNamespace(arguments={"cache": cache}), transforms=transforms),
    )


def test_shares_add_up_to_one_and_nothing_is_counted_twice():
    evaluations = {"validation": 0.5, "test": 1.5}
    seconds = {"train": 10, "data_wait": 3, "checkpoint": 1, "summary": 0.5, "evaluations": evaluations}
    parts = shares(Seconds(first_step=2, first_wait=1, **seconds))
    assert parts == {
        "first_call": 0.1,
        "data_wait": 0.3,
        "summaries": 0.05,
        "checkpoints": 0.1,
        "validation": 0.05,
        "tests": 0.15,
        "computing": pytest.approx(0.25),
    }


def test_what_is_not_seen_is_none():
    assert shares(Seconds(train=1))["data_wait"] is None
    assert shares(Seconds()) == {}


@pytest.mark.parametrize(
    ("parts", "settings", "sentence"),
    [
        ({"data_wait": 0.7}, {"cache": "none"}, "70% of the training time is waiting for data: .*data.cache=memory"),
        ({"data_wait": 0.7}, {"transforms": ["x"]}, "fewer data.transforms"),
        ({"data_wait": 0.7}, {}, "the data set itself is slow"),
        ({"checkpoints": 0.5}, {}, "try checkpoint.every=2000 instead of 100"),
        ({"tests": 0.5, "checkpoints": 0.2}, {"best": "test/loss"}, "checkpoint.best=test/loss tests at every"),
        ({"validation": 0.5}, {}, "try a smaller data.validation, or a larger train.validate_every"),
        ({"summaries": 0.5}, {"histograms": 1}, "summary.histograms=10 instead of 1"),
        ({"summaries": 0.5}, {"figures": 2}, "summary.figures=20 instead of 2"),
        ({"summaries": 0.5}, {}, "summary.every=100 instead of 10"),
    ],
)
def test_the_largest_part_gets_advice(parts, settings, sentence):
    import re

    assert re.search(
        sentence, advice({"computing": 0.1, "first_call": 0.9, "data_wait": None} | parts, config(**settings))
    )


def test_small_parts_get_none():
    assert advice({"computing": 0.9, "checkpoints": 0.05}, config()) is None


@pytest.mark.parametrize(
    ("parts", "pays", "sentence"),
    [
        ({"computing": 0.9, "checkpoints": 0.05}, True, "90% of the training time is computing, and this processor"),
        ({"computing": 0.9, "checkpoints": 0.05}, False, None),
        ({"computing": 0.3, "first_call": 0.7}, True, None),
        ({"computing": 0.7, "checkpoints": 0.3}, True, "30% of the training time is saving checkpoints"),
    ],
)
def test_bfloat16_is_advised_where_it_pays_and_nothing_else_is_large(parts, pays, sentence):
    told = advice(parts, config(), bfloat16_pays=pays)
    assert (told or "").startswith(sentence or "")
    assert (told is None) == (sentence is None)
