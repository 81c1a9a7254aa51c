"""`model.frozen`: what matches a pattern is not trained, and nothing is frozen by mistake."""

import pytest

from exp.errors import UserError
from exp.run.freeze import freeze


@pytest.fixture
def model(tf):
    import keras

    layers = [keras.layers.Dense(3, name="base"), keras.layers.BatchNormalization(name="norm"), keras.layers.Dense(2)]
    made = keras.Sequential([keras.layers.Input((4,)), *layers])
    made.layers[-1].name = "head"
    return made


def trained(model) -> list[str]:
    return [variable.path for variable in model.trainable_variables]


def test_without_patterns_all_is_trained(model):
    freeze(model, [])
    assert len(trained(model)) == 6


def test_what_matches_stays_as_it_is(model):
    freeze(model, ["*base/*"])
    assert not [path for path in trained(model) if "base" in path]
    assert len(trained(model)) == 4


def test_a_frozen_layer_gathers_no_statistics(model):
    freeze(model, ["*norm/*"])
    assert model.get_layer("norm").trainable is False


def test_one_variable_of_a_layer_may_be_frozen(model):
    freeze(model, ["*base/bias"])
    assert [path for path in trained(model) if "base" in path] == [model.get_layer("base").kernel.path]
    assert model.get_layer("base").trainable is True


def test_a_pattern_that_matches_nothing_is_refused(model):
    with pytest.raises(
        UserError, match=r"^model\.frozen=\[bse/\*\]: matches no variable of the model; it has base/bias, base/kernel"
    ):
        freeze(model, ["bse/*"])
