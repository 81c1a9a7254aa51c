"""Configurations of earlier versions: they get today's keys, and are known to be the same run."""

from exp.config.config_hash import config_hash
from exp.config.migrations import ADDITIONS, earlier_hashes, with_later_keys

OLDEST = {
    "model": {"_target_": "m"},
    "exec": {"name": "eager"},
    "summary": {"every": 10},
    "checkpoint": {"every": 100},
    "data": {"batch_size": 50},
    "train": {"epochs": 1},
    "seed": 0,
}


def test_the_oldest_form_gets_all_keys_and_is_recognised():
    today = with_later_keys(OLDEST)
    for addition in ADDITIONS:
        for group, keys in addition.items():
            assert today[group].items() >= keys.items() if isinstance(keys, dict) else today[group] == keys
    assert config_hash(OLDEST) in earlier_hashes(today)
    assert len(earlier_hashes(today)) == len(ADDITIONS)


def test_what_an_earlier_version_could_not_do_has_no_earlier_hash():
    today = with_later_keys(OLDEST)
    assert earlier_hashes({**today, "schedule": {"name": "cosine", "warmup": 0, "end": 0.0}}) == frozenset()
    assert earlier_hashes({**today, "train": {**today["train"], "ema": 0.9}}) == frozenset()
    assert len(earlier_hashes({**today, "hooks": [{"_target_": "h", "every": 5}]})) == 1
    before = without_the_newest(today)
    newest = {**today, "task": {**today["task"], "step": {"_target_": "s"}}}
    older = {**before, "task": newest["task"]}
    without_hooks = {key: value for key, value in older.items() if key != "hooks"}
    assert earlier_hashes(newest) == {config_hash(older), config_hash(without_hooks)}


def without_the_newest(today):
    """The configuration without what the newest version added."""
    form = {key: dict(node) if isinstance(node, dict) else node for key, node in today.items()}
    for group, keys in ADDITIONS[-1].items():
        for key in keys:
            del form[group][key]
    del form["schedule"]
    return form


def test_values_that_are_there_stay():
    assert with_later_keys({**OLDEST, "exec": {"profile": [1, 2]}})["exec"] == {
        "show_autograph": False,
        "profile": [1, 2],
        "deterministic": "auto",
    }


def test_a_group_that_is_missing_is_not_made_up():
    assert "exec" not in with_later_keys({"task": {}})
    assert with_later_keys({}).keys() == {"task", "hooks", "schedule"}
