"""A restore believes nothing: not the files, not the names, not that an assignment worked."""

import json
import random
import shutil

import pytest

from exp.checkpoint import (
    CheckpointError,
    EagerAccess,
    Wanted,
    newest_to_resume,
    newest_to_test,
    restore,
    take_inventory,
)
from tests.support.networks import KINDS, functional, sequential, subclassed
from tests.support.saving import assert_same, batch, step, store, values_of


def saved(directory, model, optimizer=None, number=7):
    checkpoints = store(directory, model, optimizer)
    checkpoints.save(number, examples=number)
    checkpoints.wait()
    return directory / f"ckpt-{number}"


def built(make):
    model = make()
    model(batch())
    return model


@pytest.mark.parametrize("kind", KINDS)
def test_restores_bit_for_bit(tf, tmp_path, kind):
    model = built(KINDS[kind])
    prefix = saved(tmp_path, model)
    other = built(KINDS[kind])
    restored = restore(prefix, {"model": other})
    assert_same(values_of(model), values_of(other))
    assert (restored.record.step, restored.left_in_checkpoint, restored.left_as_they_were) == (7, [], [])


def test_a_test_needs_no_optimizer(tf, tmp_path):
    import keras

    model, optimizer = subclassed(with_build=False, nested=True), keras.optimizers.Adam()
    step(model, optimizer, batch())
    prefix = saved(tmp_path, model, optimizer)
    other = built(lambda: subclassed(with_build=False, nested=True))
    restored = restore(prefix, {"model": other})
    assert_same(values_of(model), values_of(other))
    assert len(restored.left_in_checkpoint) == len(optimizer.variables)


DIFFERENCES = [
    (lambda: functional(activation="tanh"), 'model/layers/1 is Dense activation="tanh", and Dense activation="relu"'),
    (lambda: functional(add=False), "model/layers/3 is Multiply, and Add in the checkpoint"),
    (lambda: sequential(with_input=True), "only the checkpoint has .*model/layers/2/kernel"),
]


@pytest.mark.parametrize(("make", "message"), DIFFERENCES)
def test_another_model_with_equal_shapes_is_refused(tf, tmp_path, make, message):
    prefix = saved(tmp_path, built(functional))
    other = built(make)
    before = values_of(other)
    with pytest.raises(CheckpointError, match=message):
        restore(prefix, {"model": other})
    assert_same(values_of(other), before)


def test_all_differences_are_listed(tf, tmp_path):
    import keras

    prefix = saved(tmp_path, built(lambda: keras.Sequential([keras.layers.Dense(6), keras.layers.Dense(3)])))
    other = built(lambda: keras.Sequential([keras.layers.Dense(5, dtype="float64"), keras.layers.Dense(3)]))
    with pytest.raises(CheckpointError) as caught:
        restore(prefix, {"model": other})
    text = str(caught.value)
    for part in ("has the shape [4, 5], and [4, 6]", "has the dtype float64, and float32", "units=5, and", "[5, 3]"):
        assert part in text


def test_a_warm_start_takes_what_it_is_asked_for_and_says_what_it_left(tf, tmp_path):
    import keras

    def make(classes):
        return built(lambda: keras.Sequential([keras.layers.Dense(6), keras.layers.Dense(classes, name="head")]))

    model, other = make(3), make(8)
    prefix = saved(tmp_path, model)
    with pytest.raises(CheckpointError, match="head/kernel"):
        restore(prefix, {"model": other})
    before = values_of(other)
    restored = restore(prefix, {"model": other}, wanted=Wanted(roots=("model",), exclude=["*head*"]))
    now, there = values_of(other), values_of(model)
    for path in now:
        expected = before if "/2/" in path else there
        assert now[path].tobytes() == expected[path].tobytes()
    assert len(restored.taken) == len(restored.left_in_checkpoint) == len(restored.left_as_they_were) == 2


def test_a_variable_that_does_not_take_its_value_is_noticed(tf, tmp_path):
    model = built(lambda: sequential(with_input=True))
    for variable in model.trainable_variables:
        variable.assign(variable + 1)
    prefix = saved(tmp_path, model)

    class Forgetful(EagerAccess):
        def write(self, variables, values):
            super().write(list(variables)[1:], list(values)[1:])

    with pytest.raises(CheckpointError, match="after restoring does not have the value that was saved"):
        restore(prefix, {"model": built(lambda: sequential(with_input=True))}, access=Forgetful())


@pytest.fixture(scope="module")
def two_checkpoints(tf, tmp_path_factory):
    """A folder with the checkpoints 7 and 9, and the values in them."""
    folder = tmp_path_factory.mktemp("two")
    model = built(lambda: sequential(with_input=True))
    checkpoints = store(folder, model)
    values = {}
    for number in (7, 9):
        step(model, None, batch(number))
        model.trainable_variables[0].assign(model.trainable_variables[0] + number)
        checkpoints.save(number, examples=number)
        values[number] = values_of(model)
    checkpoints.wait()
    return folder, values


NAMES = ["ckpt-9.index", "ckpt-9.data-00000-of-00001", "ckpt-9.json"]


def damages():
    """Each file: gone, truncated at 5 lengths, and with 20 single bytes changed at random."""
    for name in NAMES:
        yield name, "gone", 0.0
        for share in (0.0, 0.2, 0.5, 0.8, 0.99):
            yield name, "truncated", share
        for number in range(20):
            yield name, "flipped", number


def damage(path, how, where):
    data = bytearray(path.read_bytes())
    if how == "gone":
        path.unlink()
        return
    if how == "truncated":
        path.write_bytes(data[: int(len(data) * where)])
        return
    chance = random.Random(f"{path.name} {where}")
    data[chance.randrange(len(data))] ^= chance.randrange(1, 256)
    path.write_bytes(data)


@pytest.mark.parametrize(("name", "how", "where"), list(damages()))
def test_damaged_files_are_never_believed(two_checkpoints, tmp_path, name, how, where):
    """A test refuses and names the file; training goes on from the checkpoint before."""
    folder, values = two_checkpoints
    own = tmp_path / "own"
    shutil.copytree(folder, own)
    damage(own / name, how, where)
    other = built(lambda: sequential(with_input=True))
    before = values_of(other)
    with pytest.raises(CheckpointError, match=f"{name}: is (missing|damaged)"):
        restore(newest_to_test(own, "ckpt"), {"model": other})
    assert_same(values_of(other), before)
    found = newest_to_resume(own, "ckpt")
    assert list(found.verified) == [7]
    assert name in found.problems[9]
    restore(own / "ckpt-7", {"model": other})
    assert_same(values_of(other), values[7])


def test_the_state_file_is_not_believed(two_checkpoints, tmp_path):
    folder, _ = two_checkpoints
    contents = (None, b"", b'model_checkpoint_path: "ckpt', b'model_checkpoint_path: "ckpt-7"\n')
    for number, content in enumerate(contents):
        own = tmp_path / str(number)
        shutil.copytree(folder, own)
        (own / "checkpoint").unlink()
        if content is not None:
            (own / "checkpoint").write_bytes(content)
        assert newest_to_test(own, "ckpt").name == "ckpt-9"
        assert list(take_inventory(own, "ckpt").verified) == [9, 7]


def test_a_record_of_before_is_refused(two_checkpoints, tmp_path):
    folder, _ = two_checkpoints
    shutil.copytree(folder, tmp_path / "own")
    (tmp_path / "own" / "ckpt-9.json").write_text(json.dumps({"step": 9, "examples": 9, "model": []}))
    with pytest.raises(CheckpointError, match="earlier version of exp"):
        restore(tmp_path / "own" / "ckpt-9", {})


def test_no_checkpoint_is_an_error(tmp_path):
    for find in (newest_to_test, newest_to_resume):
        with pytest.raises(CheckpointError, match=r"holds no .*checkpoint ckpt-STEP"):
            find(tmp_path, "ckpt")
