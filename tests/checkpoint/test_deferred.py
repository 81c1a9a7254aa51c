"""A restore before there are variables: they begin with the saved values, and nothing waits in silence."""

import pytest

from exp.checkpoint import CheckpointError, restore_deferred
from tests.support.networks import KINDS, functional, sequential
from tests.support.saving import assert_same, batch, step, store, values_of


def trained(kind, with_optimizer):
    """A model after three steps, and its optimizer."""
    import keras

    model = KINDS[kind]()
    optimizer = keras.optimizers.Adam() if with_optimizer else None
    for number in range(3):
        step(model, optimizer, batch(number))
    return model, optimizer


def roots(model, optimizer):
    return {"model": model} | ({"optimizer": optimizer} if optimizer is not None else {})


@pytest.mark.parametrize("graph", [False, True], ids=["eager", "tf.function"])
@pytest.mark.parametrize("with_optimizer", [False, True], ids=["model", "model and optimizer"])
@pytest.mark.parametrize("kind", KINDS)
def test_values_arrive_when_variables_are_made(tf, tmp_path, kind, with_optimizer, graph):
    """One more step after the restore is the step that the saved model itself would have done."""
    import keras

    model, optimizer = trained(kind, with_optimizer)
    checkpoints = store(tmp_path, model, optimizer)
    checkpoints.save(3, examples=24)
    checkpoints.wait()
    other, other_optimizer = KINDS[kind](), keras.optimizers.Adam() if with_optimizer else None
    kind_of_other = type(other)
    pending = restore_deferred(tmp_path / "ckpt-3", roots(other, other_optimizer))

    def one_step(model, optimizer):
        def run(values):
            return step(model, optimizer, values)

        return tf.function(run, autograph=False)(batch(9)) if graph else run(batch(9))

    later = one_step(other, other_optimizer)
    restored = pending.finish()
    expected = one_step(model, optimizer)
    assert float(later) == float(expected)
    assert_same(values_of(model, optimizer), values_of(other, other_optimizer))
    assert len(restored.taken) == len(values_of(model, optimizer))
    assert type(other) is kind_of_other
    assert float(one_step(other, other_optimizer)) == float(one_step(model, optimizer))


@pytest.mark.parametrize("kind", KINDS)
def test_what_never_came_is_an_error(tf, tmp_path, kind):
    model, _ = trained(kind, with_optimizer=False)
    checkpoints = store(tmp_path, model)
    checkpoints.save(3, examples=24)
    checkpoints.wait()
    other = KINDS["module" if kind == "functional" else "functional"]()
    pending = restore_deferred(tmp_path / "ckpt-3", {"model": other})
    assert pending.waiting
    other(batch())
    with pytest.raises(CheckpointError, match="only the checkpoint has"):
        pending.finish()


def test_an_optimizer_that_is_never_used_is_named(tf, tmp_path):
    import keras

    model, optimizer = trained("sequential", with_optimizer=True)
    checkpoints = store(tmp_path, model, optimizer)
    checkpoints.save(3, examples=24)
    checkpoints.wait()
    other = KINDS["sequential"]()
    pending = restore_deferred(tmp_path / "ckpt-3", {"model": other, "optimizer": keras.optimizers.Adam()})
    other(batch())
    with pytest.raises(CheckpointError, match=r"only the checkpoint has adam.*momentum"):
        pending.finish()


def test_a_model_that_is_there_already_waits_for_nothing(tf, tmp_path):
    model, other = functional(), functional()
    checkpoints = store(tmp_path, model)
    checkpoints.save(1, examples=1)
    checkpoints.wait()
    pending = restore_deferred(tmp_path / "ckpt-1", {"model": other})
    assert pending.waiting == []
    assert_same(values_of(model), values_of(other))


def test_building_without_a_call_is_enough(tf, tmp_path):
    model = sequential(with_input=True)
    checkpoints = store(tmp_path, model)
    checkpoints.save(1, examples=1)
    checkpoints.wait()
    other = sequential(with_input=False)
    pending = restore_deferred(tmp_path / "ckpt-1", {"model": other})
    other.build((None, 4))
    assert_same(values_of(model), values_of(other))
    pending.finish()
