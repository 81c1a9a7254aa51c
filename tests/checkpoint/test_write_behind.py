"""Checkpoints that follow each other quickly: the disk is a little behind, and in the end has what it should have."""

import threading
from types import SimpleNamespace

import numpy as np
import pytest

from exp.checkpoint import AnyOf, Best, EveryNSteps, NewestN, NotFiniteError, take_inventory
from exp.checkpoint.write_behind import WriteBehind
from tests.support.saving import store, values_of
from tests.support.sweeping import wait_for


@pytest.fixture
def written(monkeypatch):
    """The names of the checkpoints that were written, in order."""
    from exp.checkpoint import bundle

    names, write = [], bundle.write
    monkeypatch.setattr(bundle, "write", lambda prefix, *rest: (names.append(prefix.name), write(prefix, *rest))[1])
    return names


def turns_every(seconds, monkeypatch):
    for name in ("SHORTEST_GAP", "LONGEST_GAP"):
        monkeypatch.setattr(f"exp.checkpoint.write_behind.{name}", seconds)


def finished(folder):
    return sorted(int(path.stem.removeprefix("ckpt-")) for path in folder.glob("ckpt-*.json"))


def soon(folder, steps):
    """Fails if these do not come to the disk without anybody asking for it."""
    wait_for(lambda: finished(folder) == steps, seconds=20)


@pytest.mark.parametrize("end", ["wait", "close"])
def test_those_that_would_go_again_are_not_written(model, written, tmp_path, monkeypatch, end):
    turns_every(600.0, monkeypatch)
    checkpoints = store(tmp_path, model, policy=NewestN(3))
    checkpoints.save(1, examples=1)
    soon(tmp_path, [1])
    then = {}
    for number in range(2, 7):
        model.trainable_variables[0].assign_add(np.ones(model.trainable_variables[0].shape))
        then[number] = values_of(model)
        checkpoints.save(number, examples=number)
    assert finished(tmp_path) == [1]
    getattr(checkpoints, end)()
    assert written == ["ckpt-1", "ckpt-4", "ckpt-5", "ckpt-6"]
    assert finished(tmp_path) == [4, 5, 6]
    assert checkpoints.newest == tmp_path / "ckpt-6"
    import tensorflow as tf

    for number, record in take_inventory(tmp_path, "ckpt").verified.items():
        reader = tf.train.load_checkpoint(str(tmp_path / f"ckpt-{number}"))
        for entry in record.variables:
            np.testing.assert_array_equal(reader.get_tensor(entry.key), then[number][entry.path])


def test_what_is_held_back_comes_by_itself(model, tmp_path, monkeypatch):
    turns_every(0.2, monkeypatch)
    checkpoints = store(tmp_path, model, policy=NewestN(1))
    for number in (1, 2, 3):
        checkpoints.save(number, examples=number)
    soon(tmp_path, [3])


def test_nothing_goes_before_its_successor_is_there(model, tmp_path, monkeypatch):
    turns_every(600.0, monkeypatch)
    checkpoints = store(tmp_path, model, policy=NewestN(1))
    checkpoints.save(1, examples=1)
    soon(tmp_path, [1])
    checkpoints.save(2, examples=2)
    assert finished(tmp_path) == [1]
    checkpoints.wait()
    assert finished(tmp_path) == [2]


@pytest.mark.parametrize(
    ("policy", "room"),
    [
        (AnyOf(NewestN(9), EveryNSteps(2)), None),
        (AnyOf(NewestN(9), Best("train/loss", "min")), None),
        (NewestN(9), 0),
    ],
    ids=["keep_every", "best", "large"],
)
def test_some_are_always_written(model, tmp_path, monkeypatch, policy, room):
    turns_every(600.0, monkeypatch)
    if room is not None:
        monkeypatch.setattr("exp.checkpoint.manager.HELD_BYTES", room)
    checkpoints = store(tmp_path, model, policy=policy)
    for number in (1, 2, 3):
        checkpoints.save(number, examples=number)
        soon(tmp_path, list(range(1, number + 1)))


def test_the_last_finite_one_is_not_lost(model, tmp_path, monkeypatch):
    turns_every(600.0, monkeypatch)
    checkpoints = store(tmp_path, model)
    for number in (1, 2):
        checkpoints.save(number, examples=number)
    model.trainable_variables[0].assign(np.full(model.trainable_variables[0].shape, np.nan))
    with pytest.raises(NotFiniteError, match="after step 3"):
        checkpoints.save(3, examples=3)
    checkpoints.close()
    assert sorted(take_inventory(tmp_path, "ckpt").verified) == [1, 2]


def test_a_turn_writes_the_newest_and_the_end_all_that_stay(model, written, tmp_path, monkeypatch):
    """On a clock of the test's own: a turn comes when it says so."""
    turns_every(0.0, monkeypatch)
    begin, done = threading.Semaphore(0), threading.Semaphore(0)
    take_turn = WriteBehind._take_turn

    def when_told(self):
        begin.acquire()
        take_turn(self)
        done.release()

    monkeypatch.setattr(WriteBehind, "_take_turn", when_told)
    checkpoints = store(tmp_path, model, policy=NewestN(3))
    for last in (2, 5):
        for number in range(last - 1, last + 1):
            checkpoints.save(number, examples=number)
        begin.release()
        done.acquire()
        assert finished(tmp_path)[-1] == last
        assert checkpoints.newest == tmp_path / f"ckpt-{last}"
    assert written == ["ckpt-2", "ckpt-5"]
    checkpoints.save(6, examples=6)
    begin.release(2)
    checkpoints.wait()
    assert written == ["ckpt-2", "ckpt-5", "ckpt-4", "ckpt-6"]
    assert finished(tmp_path) == [4, 5, 6]
    assert checkpoints.newest == tmp_path / "ckpt-6"


@pytest.mark.parametrize(("seconds", "gap"), [(0.001, 1.0), (0.2, 5.0), (30.0, 10.0)])
def test_writing_takes_a_twenty_fifth_of_the_time_at_most(monkeypatch, seconds, gap):
    now = [100.0]

    def write(saves):
        now[0] += seconds

    monkeypatch.setattr("exp.checkpoint.write_behind.time", SimpleNamespace(monotonic=lambda: now[0]))
    behind = WriteBehind(write)
    behind.put(SimpleNamespace(step=1), hold=True, wanted=[1])
    behind.wait()
    assert behind._gap == pytest.approx(gap)


def test_what_goes_wrong_in_any_turn_is_told_once_and_nothing_waits_for_ever(monkeypatch):
    turns_every(0.0, monkeypatch)

    def write(saves):
        raise OSError(f"no room for {saves[-1].step}")

    behind = WriteBehind(write)
    for step in (1, 2):
        behind.put(SimpleNamespace(step=step), hold=True, wanted=[1, 2])
    with pytest.raises(OSError, match="no room for"):
        behind.wait()
    behind.wait()
    behind.check()
    behind.put(SimpleNamespace(step=3), hold=False, wanted=[3])
    behind.close()
    with pytest.raises(OSError, match="no room for 3"):
        behind.check()


@pytest.mark.parametrize("room", [None, 0], ids=["held", "large"])
def test_what_is_to_come_first_comes_before_each_turn_and_its_errors_are_told(model, tmp_path, monkeypatch, room):
    """A run hands its log to the disk there: a checkpoint must never be ahead of it."""
    turns_every(0.0, monkeypatch)
    if room is not None:
        monkeypatch.setattr("exp.checkpoint.manager.HELD_BYTES", room)
    told = []

    def before():
        told.append(finished(tmp_path))
        if len(told) == 3:
            raise OSError("the log's disk is full")

    checkpoints = store(tmp_path, model, policy=NewestN(3), before_writing=before)
    for number in (1, 2):
        checkpoints.save(number, examples=number)
        checkpoints.wait()
    assert told == [[], [1]]
    checkpoints.save(3, examples=3)
    with pytest.raises(OSError, match="the log's disk is full"):
        checkpoints.wait()
    assert finished(tmp_path) == [1, 2]
