"""Checkpoints: saved whole or not at all, and a restore that does not believe what it has not seen."""

import json
import shutil

import numpy as np
import pytest

from exp.checkpoint import Checkpoints, finished_steps, named_variables, newest_checkpoint, weights_digest
from exp.errors import UserError
from exp.exec.base import EagerVariables


def make(directory, *, hidden=5, seed=0, name="ckpt", max_to_keep=3):
    """The checkpoints of a small new model."""
    import keras

    from exp.model.mlp import create

    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    model = create(input_shape=(4, 4, 1), classes=3, hidden=hidden)
    model.build((None, 4, 4, 1))
    optimizer = keras.optimizers.Adam()
    optimizer.build(model.trainable_variables)
    access = EagerVariables()
    checkpoints = Checkpoints(
        directory, name=name, max_to_keep=max_to_keep, model=model, optimizer=optimizer, access=access
    )
    return checkpoints, model, optimizer


def values(model) -> list[np.ndarray]:
    return [np.asarray(weight) for weight in model.weights]


@pytest.fixture
def saved(tf, tmp_path):
    """A folder with one checkpoint, of step 7, and the model and optimizer that are in it."""
    checkpoints, model, optimizer = make(tmp_path)
    optimizer.apply_gradients((tf.ones_like(weight), weight) for weight in model.trainable_variables)
    checkpoints.save(7, examples=70)
    return tmp_path, model, optimizer


def test_restores_model_and_optimizer_bit_for_bit(saved):
    folder, model, optimizer = saved
    checkpoints, other, other_optimizer = make(folder, seed=1)
    assert weights_digest(values(other)) != weights_digest(values(model))
    restored = checkpoints.restore(folder / "ckpt-7", with_optimizer=True)
    assert restored == (7, 70)
    assert weights_digest(values(other)) == weights_digest(values(model))
    for here, there in zip(other_optimizer.variables, optimizer.variables, strict=True):
        np.testing.assert_array_equal(here, there)


def test_testing_leaves_the_optimizer_alone(saved):
    folder, model, _ = saved
    checkpoints, other, optimizer = make(folder, seed=1)
    checkpoints.restore(folder / "ckpt-7", with_optimizer=False)
    assert weights_digest(values(other)) == weights_digest(values(model))
    assert int(optimizer.iterations) == 0


def test_tensorflow_itself_can_read_what_was_saved(tf, saved):
    """The files are those of `tf.train.Checkpoint`, and the state file is one for `latest_checkpoint`."""
    folder, model, _ = saved
    _, other, _ = make(folder, seed=1)
    assert tf.train.latest_checkpoint(str(folder)) == str(folder / "ckpt-7")
    status = tf.train.Checkpoint(model=other).read(str(folder / "ckpt-7"))
    status.expect_partial().assert_existing_objects_matched()
    assert weights_digest(values(other)) == weights_digest(values(model))


def test_names_are_those_in_the_file(tf, saved):
    folder, model, optimizer = saved
    in_file = set(tf.train.load_checkpoint(str(folder / "ckpt-7")).get_variable_to_shape_map())
    ours = named_variables(tf.train.Checkpoint(model=model, optimizer=optimizer))
    assert set(ours) == in_file - {"_CHECKPOINTABLE_OBJECT_GRAPH"}


@pytest.mark.usefixtures("tf")
def test_only_the_newest_are_kept(tmp_path):
    checkpoints, _, _ = make(tmp_path, max_to_keep=2)
    for step in (1, 2, 10):
        checkpoints.save(step, examples=step)
    assert finished_steps(tmp_path, "ckpt") == [2, 10]
    assert checkpoints.newest == newest_checkpoint(tmp_path, "ckpt") == tmp_path / "ckpt-10"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "checkpoint",
        "ckpt-10.data-00000-of-00001",
        "ckpt-10.index",
        "ckpt-10.json",
        "ckpt-2.data-00000-of-00001",
        "ckpt-2.index",
        "ckpt-2.json",
    ]


def test_a_number_is_never_written_twice(saved):
    folder, _, _ = saved
    before = {path: path.read_bytes() for path in folder.iterdir()}
    checkpoints, _, _ = make(folder, seed=1)
    checkpoints.save(7, examples=0)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_a_checkpoint_without_its_record_does_not_count(saved):
    folder, _, _ = saved
    for path in folder.glob("ckpt-7*"):
        shutil.copy(path, folder / path.name.replace("ckpt-7", "ckpt-9"))
    (folder / "ckpt-9.json").unlink()
    assert newest_checkpoint(folder, "ckpt") == folder / "ckpt-7"


def test_no_checkpoint_is_an_error(tmp_path):
    with pytest.raises(UserError, match="holds no finished checkpoint named ckpt-STEP"):
        newest_checkpoint(tmp_path, "ckpt")


def test_another_model_is_refused_with_the_difference(saved):
    folder, _, _ = saved
    checkpoints, _, _ = make(folder, hidden=6)
    with pytest.raises(UserError, match=r"checkpoint of another model.*mlp/dense1/kernel \[16, 5\].*\[16, 6\]"):
        checkpoints.restore(folder / "ckpt-7", with_optimizer=True)


def test_weights_that_are_not_the_saved_ones_are_refused(saved):
    folder, _, _ = saved
    record = json.loads((folder / "ckpt-7.json").read_text())
    record["weights_sha256"] = "0" * 64
    (folder / "ckpt-7.json").write_text(json.dumps(record))
    checkpoints, _, _ = make(folder, seed=1)
    with pytest.raises(UserError, match="does not give the weights that were saved"):
        checkpoints.restore(folder / "ckpt-7", with_optimizer=True)


@pytest.mark.parametrize("name", ["ckpt-7.index", "ckpt-7.data-00000-of-00001", "ckpt-7.json"])
@pytest.mark.parametrize("damage", ["empty", "half", "gone", "flipped"])
def test_damaged_files_are_refused(saved, name, damage):
    folder, _, _ = saved
    path = folder / name
    data = bytearray(path.read_bytes())
    if damage == "gone":
        path.unlink()
    elif damage == "flipped":
        data[len(data) // 2] ^= 255
        path.write_bytes(data)
    else:
        path.write_bytes(data[: len(data) // 2] if damage == "half" else b"")
    checkpoints, model, _ = make(folder, seed=1)
    before = values(model)
    with pytest.raises(UserError, match=f"{name}: "):
        checkpoints.restore(folder / "ckpt-7", with_optimizer=True)
    for now, then in zip(values(model), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_digest_is_that_of_the_bytes_in_order():
    import hashlib

    arrays = [np.arange(3, dtype=np.float32), np.ones((2, 2), np.float32)]
    expected = hashlib.sha256(arrays[0].tobytes() + arrays[1].tobytes()).hexdigest()
    assert weights_digest(arrays) == expected
    assert weights_digest(arrays[::-1]) != expected
