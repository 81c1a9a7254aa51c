"""Saving: whole or not at all, never twice, and kept by rule."""

import numpy as np
import pytest

from exp.checkpoint import (
    AnyOf,
    Best,
    EveryNSteps,
    NewestN,
    NotFiniteError,
    Origin,
    SaveError,
    newest_to_resume,
    newest_to_test,
    set_aside,
    take_inventory,
)
from tests.support.networks import sequential, subclassed
from tests.support.saving import assert_same, batch, step, store, values_of

STEPS_KEPT = [
    (NewestN(2), [4, 5]),
    (AnyOf(NewestN(1), EveryNSteps(2)), [2, 4, 5]),
    (AnyOf(NewestN(1), Best("test/accuracy", "max")), [2, 5]),
    (AnyOf(NewestN(1), Best("test/loss", "min")), [3, 5]),
    (AnyOf(NewestN(1), Best("train/loss", "min")), [5]),
]
METRICS = {
    1: {"test/accuracy": 0.5, "test/loss": 4.0},
    2: {"test/accuracy": 0.9, "test/loss": 3.0},
    3: {"test/accuracy": 0.9, "test/loss": 1.0},
    4: {"test/accuracy": 0.7, "test/loss": 2.0},
    5: {},
}


@pytest.mark.parametrize(("policy", "kept"), STEPS_KEPT)
def test_what_stays(model, tmp_path, policy, kept):
    checkpoints = store(tmp_path, model, policy=policy)
    for number, metrics in METRICS.items():
        checkpoints.save(number, examples=number, metrics=metrics)
    checkpoints.wait()
    assert sorted(take_inventory(tmp_path, "ckpt").verified) == kept
    assert checkpoints.newest == newest_to_test(tmp_path, "ckpt") == tmp_path / "ckpt-5"
    files = {"index", "data-00000-of-00001", "json"}
    expected = {"checkpoint", *(f"ckpt-{number}.{ending}" for number in kept for ending in files)}
    assert {path.name for path in tmp_path.iterdir()} == expected


def test_the_values_of_the_moment_are_saved(tf, model, tmp_path):
    """Training goes on while files are written."""
    checkpoints = store(tmp_path, model)
    then = values_of(model)
    checkpoints.save(1, examples=1)
    for variable in model.trainable_variables:
        variable.assign(variable + 1)
    checkpoints.wait()
    reader = tf.train.load_checkpoint(str(tmp_path / "ckpt-1"))
    for entry in take_inventory(tmp_path, "ckpt").verified[1].variables:
        np.testing.assert_array_equal(reader.get_tensor(entry.key), then[entry.path])


def test_tensorflow_itself_can_read_what_was_saved(tf, tmp_path):
    import keras

    model, optimizer = sequential(with_input=True), keras.optimizers.Adam()
    step(model, optimizer, batch())
    checkpoints = store(tmp_path, model, optimizer)
    checkpoints.save(7, examples=70)
    checkpoints.wait()
    other, other_optimizer = sequential(with_input=True), keras.optimizers.Adam()
    other(batch())
    other_optimizer.build(other.trainable_variables)
    assert tf.train.latest_checkpoint(str(tmp_path)) == str(tmp_path / "ckpt-7")
    status = tf.train.Checkpoint(model=other, optimizer=other_optimizer).read(str(tmp_path / "ckpt-7"))
    status.assert_existing_objects_matched()
    saved, read = values_of(model, optimizer), values_of(other, other_optimizer)
    seeds = [path for path in saved if "seed_generator" in path]  # TensorFlow does not know these
    assert len(seeds) == 1
    for path in seeds:
        del saved[path], read[path]
    assert_same(saved, read)


def test_a_number_is_never_written_twice(model, tmp_path):
    first = store(tmp_path, model)
    first.save(7, examples=70)
    first.wait()
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    first.save(7, examples=0)
    second = store(tmp_path, model)
    second.save(7, examples=0)
    with pytest.raises(SaveError, match=r"ckpt-7: cannot be saved \(there is a checkpoint with this number"):
        second.wait()
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_what_another_run_wrote_stays(model, tmp_path):
    other = store(tmp_path, model, policy=NewestN(1))
    other.save(1, examples=1)
    other.wait()
    ours = store(tmp_path, model, policy=NewestN(1), origin=Origin(run="ours"))
    ours.adopt(take_inventory(tmp_path, "ckpt").verified)
    for number in (2, 3):
        ours.save(number, examples=number)
    ours.wait()
    assert sorted(take_inventory(tmp_path, "ckpt").verified) == [1, 3]


def test_a_failed_save_is_told_at_the_next_step(model, tmp_path):
    directory = tmp_path / "checkpoints"
    directory.write_text("a file where the folder should be")
    checkpoints = store(directory, model)
    checkpoints.save(1, examples=1)

    def next_steps():
        while True:
            checkpoints.check()

    with pytest.raises(SaveError, match="ckpt-1: cannot be saved"):
        next_steps()
    assert checkpoints.newest is None


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_not_saved(model, tmp_path, value):
    checkpoints = store(tmp_path, model)
    model.trainable_variables[0].assign(np.full(model.trainable_variables[0].shape, value))
    with pytest.raises(NotFiniteError, match=r"after step 3, .*kernel is not finite"):
        checkpoints.save(3, examples=3)
    assert not list(tmp_path.iterdir())


def test_large_weights_are_looked_at_when_they_are_written(model, tmp_path, monkeypatch):
    monkeypatch.setattr("exp.checkpoint.manager.HELD_BYTES", 0)
    checkpoints = store(tmp_path, model)
    model.trainable_variables[0].assign(np.full(model.trainable_variables[0].shape, np.nan))
    checkpoints.save(3, examples=3)
    with pytest.raises(NotFiniteError, match=r"after step 3, .*kernel is not finite"):
        checkpoints.wait()
    assert not list(tmp_path.iterdir())


def test_leftovers_of_a_killed_save_do_not_count_and_are_not_lost(tf, tmp_path):
    """As a kill between two of the moves leaves it: data in place, index and record not yet."""
    model = subclassed(with_build=False, nested=True)
    model(batch())
    checkpoints = store(tmp_path, model)
    for number in (1, 2):
        checkpoints.save(number, examples=number)
    checkpoints.wait()
    (tmp_path / ".saving").mkdir()
    for ending in ("index", "json"):
        (tmp_path / f"ckpt-2.{ending}").rename(tmp_path / ".saving" / f"ckpt-2.{ending}")
    assert newest_to_test(tmp_path, "ckpt") == tmp_path / "ckpt-1"
    found = newest_to_resume(tmp_path, "ckpt")
    assert list(found.verified) == [1]
    assert found.problems == {2: "ckpt-2: was being saved when the run ended"}
    set_aside(tmp_path, "ckpt", found.problems)
    assert not (tmp_path / ".saving").exists()
    assert [path.name for path in (tmp_path / "passed-over").rglob("ckpt-2.*")] == ["ckpt-2.data-00000-of-00001"]
    again = store(tmp_path, model)
    again.save(2, examples=2)
    again.wait()
    assert list(take_inventory(tmp_path, "ckpt").verified) == [2, 1]
