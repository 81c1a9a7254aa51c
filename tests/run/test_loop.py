"""The order of things: what is logged, when it is saved, and how a run stops."""

import math
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest

from exp.checkpoint import BestSoFar, NotFiniteError, RunState
from exp.data.pipeline import plan_calls
from exp.exec import Batches, Evaluation
from exp.loggers.logger import LossRow
from exp.run.loop import Training
from exp.run.selection import Criterion, Selection
from exp.system.signals import Stopped, StopRequest


class Recorder:
    """Executor, checkpoints, logger and display in one: notes what happens, in order."""

    waits_visible = True

    def __init__(self, losses: list[float]) -> None:
        self.happened: list[tuple] = []
        self._losses = losses
        self.newest = None
        self.saved_metrics: dict[int, dict[str, float]] = {}
        self.states: dict[int, RunState] = {}
        self.not_finite_at: set[int] = set()
        self.error: Exception | None = None
        self.before_call = lambda first: None

    def train(self, batches, after_call):
        for call, _, _ in batches:
            self.before_call(call.first)
            losses = np.array(self._losses[call.first : call.first + call.steps], np.float32)
            if not after_call(call.first, losses):
                return

    @contextmanager
    def scope(self):
        yield

    def save(self, step, *, examples, metrics, state, keep):
        if step in self.not_finite_at:
            self.error = NotFiniteError(step, "dense/kernel")
            return
        self.happened.append(("save", step, examples))
        self.saved_metrics[step] = metrics
        self.states[step] = state
        self.newest = f"ckpt-{step}"

    def check(self):
        """Errors of the background come at the next call."""
        self.happened.append(("check",))
        if self.error:
            raise self.error

    def wait(self):
        self.check()
        self.happened.append(("wait",))

    def metrics(self, step, metrics):
        (split,) = {name.partition("/")[0] for name in metrics}
        self.happened.append((split, step, metrics[f"{split}/accuracy"]))

    def losses(self, rows):
        self.happened += [("loss", row.step, row.epoch) for row in rows]

    def flush(self):
        self.happened.append(("flush",))

    def begin(self, *, done, total): ...
    def advance(self, *, done, loss): ...
    def evaluated(self, step, figures, best): ...
    def end(self): ...
    def say(self, text): ...


def prepared(recorder, *, last, step=0, save_every=5, log_every=2, stop=None, **options):
    """A training whose parts are all a recorder."""
    return Training(
        executor=recorder,
        checkpoints=recorder,
        logger=recorder,
        display=recorder,
        stop=stop or StopRequest(),
        step=step,
        last=last,
        batch_size=10,
        steps_per_epoch=4,
        save_every=save_every,
        log_every=log_every,
        **{"period": lambda split: save_every, **options},
    )


def run(
    losses,
    *,
    first=0,
    per_call=4,
    save_every=5,
    log_every=2,
    stop=None,
    before_call=None,
    not_finite_at=(),
    **options,
):
    recorder = Recorder(losses)
    if before_call:
        recorder.before_call = before_call
    recorder.not_finite_at = set(not_finite_at)
    training = prepared(
        recorder,
        stop=stop,
        step=first,
        last=len(losses),
        save_every=save_every,
        log_every=log_every,
        **options,
    )
    calls = plan_calls(first=first, last=len(losses), steps_per_call=per_call, every=save_every)
    training.run(Batches(calls, [(None, None)] * len(calls)))
    return training, recorder.happened


@pytest.mark.parametrize("per_call", [1, 3, 4, 20])
def test_everything_falls_where_it_should_whatever_a_call_holds(per_call):
    training, happened = run([1.0] * 13, per_call=per_call)
    assert training.status == "completed"
    assert training.step == 13
    assert [entry[1:] for entry in happened if entry[0] == "loss"] == [
        (2, 0),
        (4, 0),
        (6, 1),
        (8, 1),
        (10, 2),
        (12, 2),
        (13, 3),
    ]
    assert [entry[1:] for entry in happened if entry[0] == "save"] == [(5, 50), (10, 100), (13, 130)]


def test_further_losses_are_logged_by_their_names():
    found = []
    recorder = Recorder([])
    recorder.losses = found.extend  # type: ignore[method-assign]
    training = prepared(recorder, last=4, other_losses=lambda: ("left", "right"))
    training.run(Batches([], None))
    training.after_call(0, np.array([[3, 1, 2], [5, 1, 4], [7, 3, 4], [9, 4, 5]], np.float32))
    assert found == [
        LossRow(2, 5.0, 0, {"left": 1.0, "right": 4.0}),
        LossRow(4, 9.0, 0, {"left": 4.0, "right": 5.0}),
    ]
    assert found[0].tagged() == {"train/left": 1.0, "train/right": 4.0}
    assert training.loss == 9.0


def test_a_hook_comes_before_the_checkpoint_of_its_step():
    happened = []

    class Hook:
        every = 5

        def __call__(self, step, metrics):
            happened.append((step, metrics["train/loss"], list(recorder.saved_metrics)))

    recorder = Recorder([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0])
    training = prepared(recorder, last=10, hooks=[Hook()])
    calls = plan_calls(first=0, last=10, steps_per_call=4, every=[5, 5])
    training.run(Batches(calls, [(None, None)] * len(calls)))
    assert happened == [(5, 5.0, []), (10, 10.0, [5])]


def test_figures_are_logged_before_a_checkpoint():
    _, happened = run([1.0] * 10)
    assert [entry[1] for entry in happened if entry[0] == "save"] == [5, 10]
    for position, entry in enumerate(happened):
        if entry[0] == "save":
            later = [one[1] for one in happened[position:] if one[0] == "loss"]
            assert all(step > entry[1] for step in later)


def test_the_log_goes_to_disk_before_a_checkpoint_does(tmp_path, monkeypatch):
    from exp.run import train

    given = {}

    def opened(components, directory, **options):
        given.update(options, directory=directory)
        return SimpleNamespace(adopt=lambda earlier: None)

    monkeypatch.setattr(train, "open_checkpoints", opened)
    run = SimpleNamespace(
        writes=True,
        folder=SimpleNamespace(checkpoints=tmp_path),
        state=SimpleNamespace(passed_over=(), run="abc", earlier={}),
        config=SimpleNamespace(checkpoint=SimpleNamespace(name="ckpt")),
        components=None,
        logger=SimpleNamespace(flush=lambda: None),
    )
    train._open_checkpoints(run)
    assert given == {"run": "abc", "directory": tmp_path, "before_writing": run.logger.flush}


def test_goes_on_from_a_step():
    training, happened = run([1.0] * 10, first=7)
    assert [entry[1] for entry in happened if entry[0] == "loss"] == [8, 10]
    assert training.step == 10


def test_nothing_left_to_do():
    training, happened = run([1.0] * 5, first=5)
    assert (training.status, training.step, happened) == ("completed", 5, [("check",), ("wait",)])
    assert training.examples_per_second() is None


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_divergence_stops_at_once_and_saves_nothing(bad):
    training, happened = run([1.0] * 6 + [bad] + [1.0] * 5)
    assert training.status == "diverged"
    assert training.step == 7
    assert training.error == f"the loss of step 7 is {bad} (epoch 1, batch 2 of 4)"
    assert [entry[1] for entry in happened if entry[0] == "save"] == [5]
    assert ("loss", 7, 1) in happened


@pytest.mark.parametrize("last", [10, 11, 14])
def test_weights_that_are_not_finite_end_the_run_too(last):
    training, happened = run([1.0] * last, not_finite_at=[10])
    assert training.status == "diverged"
    assert training.error == "after step 10, dense/kernel is not finite (epoch 2, batch 1 of 4)"
    assert [entry[1] for entry in happened if entry[0] == "save"] == [5]


def test_every_checkpoint_is_tested_where_the_best_one_is_kept():
    results = iter(
        [
            Evaluation(0.5, {"accuracy": 0.8}, 10),
            Evaluation(0.4, {"accuracy": 0.9}, 10),
            Evaluation(0.3, {"accuracy": 0.7}, 10),
        ]
    )
    training, happened = run([1.0] * 12, evaluations={"test": lambda step: next(results)})
    assert [entry[1:] for entry in happened if entry[0] == "test"] == [(5, 0.8), (10, 0.9), (12, 0.7)]
    assert training.checkpoints.saved_metrics[10] == {"train/loss": 1.0, "test/loss": 0.4, "test/accuracy": 0.9}
    assert training.evaluated == {"test": (12, Evaluation(0.3, {"accuracy": 0.7}, 10))}


def test_saves_are_watched_at_every_call_and_finished_at_the_end():
    _, happened = run([1.0] * 12, per_call=3)
    assert happened.count(("check",)) == 6
    assert happened[-1] == ("wait",)


def test_a_signal_ends_the_call_and_saves():
    stop = StopRequest()

    def before_call(first):
        if first == 5:
            stop.signal = 15

    training, happened = run([1.0] * 20, stop=stop, before_call=before_call)
    assert (training.status, training.step) == ("interrupted", 9)
    assert [entry[1] for entry in happened if entry[0] == "save"] == [5, 9]


def test_a_signal_before_the_first_step_saves_too():
    stop = StopRequest()
    stop.signal = 2
    training, happened = run([1.0] * 20, stop=stop)
    assert (training.status, training.step) == ("interrupted", 0)
    assert [entry[1] for entry in happened if entry[0] == "save"] == [0]


def test_a_signal_in_the_test_of_a_checkpoint_leaves_the_test_and_not_the_checkpoint():
    stop = StopRequest()

    def test(step):
        stop.signal = 15
        raise Stopped

    training, happened = run([1.0] * 20, stop=stop, evaluations={"test": test})
    assert (training.status, training.step, training.evaluated) == ("interrupted", 5, {})
    assert [entry[1] for entry in happened if entry[0] == "save"] == [5, 5]  # the second is none
    assert training.checkpoints.saved_metrics[5] == {"train/loss": 1.0}


ACCURACY = Criterion("validation/accuracy", "max")


def validated(accuracies, *, length, patience=2, **options):
    """A run that is validated every 4 steps, saved every 5, and logged every 3."""
    given = iter(accuracies)
    selection = Selection(best=ACCURACY, monitor=ACCURACY, patience=patience)
    training, happened = run(
        [1.0] * length,
        log_every=3,
        evaluations={"validation": lambda step: Evaluation(0.5, {"accuracy": next(given)}, 10)},
        period=lambda split: 4 if split == "validation" else 5,
        selection=selection,
        per_call=1,
        **options,
    )
    return training, [entry for entry in happened if entry[0] in ("validation", "save", "loss")]


def test_patience_ends_a_run_with_a_checkpoint_and_a_logged_loss():
    training, happened = validated([0.7, 0.6, 0.5, 0.9], length=40)
    assert (training.status, training.stopped, training.step) == ("completed", "patience", 12)
    assert happened[-2:] == [("validation", 12, 0.5), ("save", 12, 120)]
    assert ("loss", 12, 2) in happened
    assert training.checkpoints.states[12].waited == 2
    assert training.selection.now.best == BestSoFar(value=0.7, step=4)
    training, happened = validated([0.7, 0.6], length=40, patience=1)
    assert happened[-3:] == [("loss", 8, 1), ("validation", 8, 0.6), ("save", 8, 80)]  # 8 is not a multiple of 3


def test_the_best_step_is_saved_and_others_are_not():
    _, happened = validated([0.5, 0.7, 0.6, 0.8, 0.1], length=20, patience=9)
    assert [entry[1] for entry in happened if entry[0] == "save"] == [4, 5, 8, 10, 15, 16, 20]


def test_a_validation_out_of_turn_is_not_in_the_state_of_the_checkpoint():
    training, _ = validated([0.5, 0.9], length=6)
    assert training.checkpoints.saved_metrics[6]["validation/accuracy"] == 0.9
    assert training.checkpoints.states[6].best == BestSoFar(value=0.5, step=4)
    assert training.selection.now.best == BestSoFar(value=0.9, step=6)


def test_a_run_out_of_patience_does_not_go_on():
    selection = Selection(best=ACCURACY, monitor=ACCURACY, patience=1)
    selection.resume(RunState(waited=1, monitored=0.5), saved={})
    training, happened = run([1.0] * 20, first=8, selection=selection)
    assert (training.status, training.stopped, training.step) == ("completed", "patience", 8)
    assert [entry for entry in happened if entry[0] in ("loss", "save")] == []


def test_time_that_is_up_makes_the_step_the_last_one():
    training, happened = run([1.0] * 50, per_call=1, max_seconds=0.0)
    assert (training.status, training.stopped, training.step) == ("completed", "max_seconds", 1)
    assert [entry[:2] for entry in happened if entry[0] in ("loss", "save")] == [("loss", 1), ("save", 1)]
