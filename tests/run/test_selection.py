"""The best step, patience, and what of both a longer run would know."""

import math

import pytest

from exp.checkpoint import BestSoFar, RunState
from exp.run.selection import Criterion, Selection

LOSS = Criterion("validation/loss", "min")
ACCURACY = Criterion("validation/accuracy", "max")


def after(values, *, criterion=LOSS, patience=2, best=None):
    selection = Selection(best=best or criterion, monitor=criterion, patience=patience)
    seen = []
    for number, value in enumerate(values, 1):
        selection.saw(number * 10, {criterion.metric: value}, in_turn=True)
        seen.append(selection.is_out_of_patience)
    return selection, seen


def test_patience_counts_validations_since_the_best():
    selection, seen = after([3.0, 2.0, 2.5, 2.1])
    assert seen == [False, False, False, True]
    assert selection.now.best == BestSoFar(value=2.0, step=20)


def test_an_equal_value_is_not_better():
    selection, seen = after([1.0, 1.0, 1.0])
    assert seen == [False, False, True]
    assert selection.now.best.step == 10


@pytest.mark.parametrize("goal", ["min", "max"])
def test_a_small_gain_does_not_renew_patience_but_is_the_best(goal):
    sign = 1 if goal == "max" else -1
    criterion = Criterion("validation/figure", goal, min_delta=0.5)
    selection, seen = after(
        [sign * 1.0, sign * 1.25, sign * 1.5], criterion=criterion, best=Criterion("validation/figure", goal)
    )
    assert seen == [False, False, True]
    assert selection.now.best == BestSoFar(value=sign * 1.5, step=30)
    assert selection.now.monitored == sign * 1.0


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_never_better(value):
    selection, seen = after([value, 1.0, value, value])
    assert seen == [False, False, False, True]
    assert selection.now.best == BestSoFar(value=1.0, step=20)


def test_the_last_step_out_of_turn_is_not_remembered():
    selection = Selection(best=ACCURACY, monitor=ACCURACY, patience=1)
    selection.saw(10, {"validation/accuracy": 0.5}, in_turn=True)
    selection.evaluated(10, "validation", {"loss": 1.0, "accuracy": 0.5, "examples": 7}, in_turn=True)
    selection.saw(13, {"validation/accuracy": 0.9}, in_turn=False)
    selection.evaluated(13, "validation", {"loss": 0.5, "accuracy": 0.9, "examples": 7}, in_turn=False)
    selection.saw(13, {"train/loss": 0.1}, in_turn=True)
    assert selection.now.best.step == 13
    assert selection.now.validation["step"] == 13
    assert selection.lasting.best.step == 10
    assert selection.lasting.validation["step"] == 10
    assert selection.lasting.evaluated == {"validation": 10}


def test_a_resumed_selection_goes_on_where_it_was():
    whole, seen = after([3.0, 2.0, 2.5, 2.1])
    first, _ = after([3.0, 2.0, 2.5])
    second = Selection(best=LOSS, monitor=LOSS, patience=2)
    second.resume(RunState.model_validate_json(first.lasting.model_dump_json()), saved={20: {"validation/loss": 2.0}})
    assert not second.is_out_of_patience
    second.saw(40, {"validation/loss": 2.1}, in_turn=True)
    assert second.is_out_of_patience == seen[-1]
    assert second.now == whole.now


def test_earlier_versions_remembered_the_best_in_their_checkpoints():
    selection = Selection(best=Criterion("test/accuracy", "max"))
    saved = {30: {"test/accuracy": 0.7}, 10: {"test/accuracy": 0.8}, 20: {"train/loss": 0.1}}
    selection.resume(RunState(), saved=saved)
    assert selection.now.best == BestSoFar(value=0.8, step=10)


def test_nothing_to_choose_by():
    selection = Selection()
    assert not selection.saw(10, {"validation/loss": 1.0}, in_turn=True)
    assert not selection.is_out_of_patience
    assert selection.best_in_words() == ""


def test_a_best_step_that_is_not_kept_is_known_all_the_same():
    selection = Selection(best=LOSS, keeps_best=False)
    assert not selection.saw(10, {"validation/loss": 1.0}, in_turn=True)
    assert selection.now.best == BestSoFar(value=1.0, step=10)


def test_a_best_step_whose_checkpoint_is_gone_gives_way_to_one_that_is_there():
    selection = Selection(best=LOSS)
    state = RunState(best=BestSoFar(value=0.1, step=20))
    selection.resume(state, saved={30: {"validation/loss": 0.5}, 40: {"validation/loss": 0.3}})
    assert selection.now.best == BestSoFar(value=0.3, step=40)
    selection.resume(state, saved={20: {"validation/loss": 0.1}, 40: {"validation/loss": 0.3}})
    assert selection.now.best == BestSoFar(value=0.1, step=20)


def test_both_the_best_step_of_this_run_and_that_of_a_longer_one_are_kept():
    selection = Selection(best=LOSS)
    selection.saw(10, {"validation/loss": 0.5}, in_turn=True)
    selection.saw(13, {"validation/loss": 0.4}, in_turn=False)
    assert selection.kept() == {10, 13}
