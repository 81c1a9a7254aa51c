"""Names: complete, the same in every process, and TensorFlow's own where that has one."""

import pytest

from exp.checkpoint.variables import named_variables
from tests.support.networks import KINDS, subclassed
from tests.support.saving import batch, step


@pytest.mark.parametrize("kind", KINDS)
def test_every_variable_has_one_name(tf, kind):
    model = KINDS[kind]()
    model(batch())
    named = named_variables({"model": model})
    assert {id(entry.variable) for entry in named.values()} == {id(variable) for variable in model.variables}
    assert len({entry.key for entry in named.values()}) == len(named)


def test_names_follow_attributes_also_where_tensorflow_sees_nothing(tf):
    import keras

    model, optimizer = subclassed(with_build=False, nested=True), keras.optimizers.Adam()
    step(model, optimizer, batch())
    named = named_variables({"model": model, "optimizer": optimizer})
    paths = {path for path in named if path.startswith("model/")}
    assert paths == {
        *(f"model/{layer}/{weight}" for layer in ("first", "last") for weight in ("kernel", "bias")),
        *("model/several/0/kernel", "model/several/0/bias"),
        *("model/several/1/inner/kernel", "model/several/1/inner/bias"),
        *(f"model/named/norm/{weight}" for weight in ("gamma", "beta", "moving_mean", "moving_variance")),
        "model/drop/seed_generator/state",
    }
    assert named["model/drop/seed_generator/state"].key.startswith("untracked/")
    assert len(named) - len(paths) == 2 + 2 * len(model.trainable_variables)  # Adam: 2 slots each; step and rate


@pytest.mark.parametrize("kind", KINDS)
def test_names_count_from_the_model_not_from_the_process(tf, kind):
    first, second = KINDS[kind](), KINDS[kind]()
    for model in (first, second):
        model(batch())
    assert named_variables({"model": first}).keys() == named_variables({"model": second}).keys()
