"""An optimizer that begins with a copy of the weights gets another one where the weights change under it."""

import numpy as np
import pytest

from exp.checkpoint import EagerAccess, copies_of_weights


@pytest.fixture
def model(tf):
    import keras

    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3), keras.layers.Dense(2)])


def built(optimizer, model):
    optimizer.build(model.trainable_variables)
    return copies_of_weights([(model, optimizer)], EagerAccess())


def test_kernels_and_biases_of_schedule_free_adamw_are_copied_once_more(model):
    import keras

    optimizer = keras.optimizers.ScheduleFreeAdamW()
    copies = built(optimizer, model)
    for number, weight in enumerate(model.trainable_variables):
        weight.assign(np.full(weight.shape, number + 1.0))
    copies.renew()
    for weight, copy in zip(model.trainable_variables, optimizer._momentums, strict=True):
        np.testing.assert_array_equal(copy.numpy(), weight.numpy())
    for velocity in optimizer._velocities:
        assert not velocity.numpy().any()


@pytest.mark.parametrize("name", ["Adam", "SGD", "Lion", "Adafactor"])
def test_zeros_are_no_copies_of_biases(model, name):
    import keras

    assert built(getattr(keras.optimizers, name)(), model).pairs == []
