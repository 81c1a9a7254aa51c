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


def test_what_an_earlier_version_could_not_do_has_none_of_its_hashes():
    today = with_later_keys(OLDEST)
    assert earlier_hashes({**today, "seeds": {**today["seeds"], "init": 1}}) == frozenset()
    cosine = {**today, "schedule": {"name": "cosine", "warmup": 0, "end": 0.0}}
    assert earlier_hashes(cosine) == {config_hash(without(cosine, versions=1))}
    averaged = {**today, "train": {**today["train"], "ema": 0.9}}
    assert earlier_hashes(averaged) == {config_hash(without(averaged, versions=1))}
    hooked = {**today, "hooks": [{"_target_": "h", "every": 5}]}
    assert earlier_hashes(hooked) == {config_hash(without(hooked, versions=count)) for count in (1, 2)}
    stepped = {**today, "task": {**today["task"], "step": {"_target_": "s"}}}
    assert earlier_hashes(stepped) == {config_hash(without(stepped, versions=count)) for count in (1, 2, 3)}


def without(tree, *, versions: int):
    """A configuration without what the newest versions added, written out here a second time."""
    form = {key: dict(node) if isinstance(node, dict) else node for key, node in tree.items()}
    for addition in ADDITIONS[::-1][:versions]:
        for group, keys in addition.items():
            if group in ("seeds", "schedule", "hooks"):
                del form[group]
            else:
                for key in keys:
                    del form[group][key]
    return form


def test_values_that_are_there_stay():
    assert with_later_keys({**OLDEST, "exec": {"profile": [1, 2]}})["exec"] == {
        "show_autograph": False,
        "profile": [1, 2],
        "deterministic": "auto",
    }


def test_a_group_that_is_missing_is_not_made_up():
    assert "exec" not in with_later_keys({"task": {}})
    assert with_later_keys({}).keys() == {"task", "hooks", "schedule", "seeds"}
