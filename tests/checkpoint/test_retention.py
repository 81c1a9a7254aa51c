"""Retention policies: each rule by itself, rules that combine, and a manager that keeps what they say."""

import pytest

from exp.checkpoint import AnyOf, Best, EveryNSteps, NewestN, RetentionPolicy, take_inventory
from tests.support.saving import store

SAVED = {
    100: {"test/accuracy": 0.5, "test/loss": 4.0},
    200: {"test/accuracy": 0.9, "test/loss": 3.0},
    300: {"test/accuracy": 0.9, "test/loss": 1.0},
    350: {},
    400: {"test/accuracy": 0.7, "test/loss": 2.0},
}


class PowersOfTwo:
    """A rule that the package does not have: it needs the two methods, and no base class."""

    def kept(self, saved):
        return {step for step in saved if step > 0 and step & (step - 1) == 0}

    def removed_after(self):
        return None


@pytest.mark.parametrize(
    ("policy", "kept"),
    [
        (NewestN(2), {350, 400}),
        (NewestN(9), set(SAVED)),
        (EveryNSteps(200), {200, 400}),
        (Best("test/accuracy", "max"), {200}),
        (Best("test/loss", "min"), {300}),
        (Best("test/loss", "max"), {100}),
        (Best("validation/loss", "min"), set()),
        (AnyOf(NewestN(1), EveryNSteps(200), Best("test/loss", "min")), {200, 300, 400}),
        (AnyOf(AnyOf(NewestN(1)), Best("test/loss", "max")), {100, 400}),
        (AnyOf(), set()),
    ],
)
def test_each_rule_keeps_what_it_says(policy, kept):
    assert policy.kept(SAVED) == kept


@pytest.mark.parametrize("policy", [NewestN(2), EveryNSteps(2), Best("loss", "min"), AnyOf(NewestN(2), EveryNSteps(2))])
def test_nothing_is_kept_of_nothing(policy):
    assert policy.kept({}) == set()


@pytest.mark.parametrize(
    ("policy", "stay"),
    [
        (NewestN(3), 3),
        (EveryNSteps(100), None),
        (Best("test/loss", "min"), None),
        (AnyOf(NewestN(3), NewestN(5)), 5),
        (AnyOf(NewestN(3), EveryNSteps(100)), None),
        (AnyOf(NewestN(3), PowersOfTwo()), None),
        (AnyOf(), 0),
    ],
)
def test_a_policy_says_how_long_a_checkpoint_can_stay(policy, stay):
    assert policy.removed_after() == stay


def test_a_new_rule_combines_and_the_manager_keeps_what_it_says(model, tmp_path):
    policy: RetentionPolicy = AnyOf(NewestN(1), PowersOfTwo())
    checkpoints = store(tmp_path, model, policy=policy)
    for step in range(1, 8):
        checkpoints.save(step, examples=step)
    checkpoints.wait()
    checkpoints.close()
    assert sorted(take_inventory(tmp_path, "ckpt").verified) == [1, 2, 4, 7]
