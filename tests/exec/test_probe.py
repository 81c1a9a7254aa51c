"""What a network uses and no checkpoint holds is found before it trains."""

import pytest

from tests.support.training import probed

SHAPE = (4, 4, 1)


def notes(tf, *layers) -> tuple[str, ...]:
    import keras

    model = keras.Sequential([keras.layers.Flatten(), *layers, keras.layers.Dense(3)])
    model.build((None, *SHAPE))
    return probed(model, shape=SHAPE, classes=3).notes


def drawing(draw):
    """A layer that adds what a function gives for its input."""
    import keras

    class Drawing(keras.layers.Layer):
        def call(self, values):
            return values + draw(values)

    return Drawing()


def test_keras_layers_own_their_random_numbers(tf):
    import keras

    layers = keras.layers
    assert notes(tf, layers.Dropout(0.5), layers.GaussianNoise(0.1), layers.BatchNormalization()) == ()


@pytest.mark.parametrize("draw", ["keras", "tensorflow"])
def test_random_numbers_that_nobody_saves_are_told(tf, draw):
    import keras

    functions = {
        "keras": lambda values: keras.random.normal(keras.ops.shape(values)),
        "tensorflow": lambda values: tf.random.normal(tf.shape(values)),
    }
    (note,) = notes(tf, drawing(functions[draw]))
    assert ("RandomStandardNormal: " if draw == "tensorflow" else "seed_generator_state") in note
    assert "a resumed run is not the undisturbed one" in note


def test_a_variable_from_elsewhere_is_told(tf):
    scale = tf.Variable(2.0, name="scale")
    (note,) = notes(tf, drawing(lambda values: values * scale))
    assert note.startswith("scale:0: used by the network and not a part of it")
