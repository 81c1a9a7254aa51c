"""Configurations of earlier versions: they get today's keys, and are known to be the same run."""

from exp.config.config_hash import config_hash
from exp.config.migrations import ADDITIONS, earlier_hashes, with_later_keys

OLDEST = {
    "model": {"_target_": "m"},
    "exec": {"name": "eager"},
    "summary": {"every": 10},
    "checkpoint": {"every": 100},
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
    assert earlier_hashes({**today, "hooks": [{"_target_": "h", "every": 5}]}) == frozenset()
    newest = {**today, "task": {**today["task"], "step": {"_target_": "s"}}}
    without_hooks = {key: value for key, value in newest.items() if key != "hooks"}
    assert earlier_hashes(newest) == {config_hash(without_hooks)}


def test_values_that_are_there_stay():
    assert with_later_keys({**OLDEST, "exec": {"profile": [1, 2]}})["exec"] == {
        "show_autograph": False,
        "profile": [1, 2],
    }


def test_a_group_that_is_missing_is_not_made_up():
    assert "exec" not in with_later_keys({"task": {}})
    assert with_later_keys({}).keys() == {"task", "hooks"}
