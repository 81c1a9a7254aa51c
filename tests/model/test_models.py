"""The networks: shapes, sizes, and what their constructors refuse."""

import numpy as np
import pytest

from exp.model import cnn, conv_catsdogs, mlp


def built(model, shape):
    model.build((None, *shape))
    return model


def shapes(model) -> dict[str, tuple[int, ...]]:
    return {weight.path.split("/", 1)[1]: tuple(weight.shape) for weight in model.weights}


def test_mlp_is_784_100_10(tf):
    model = built(mlp.create(input_shape=(28, 28, 1), classes=10, hidden=100), (28, 28, 1))
    assert shapes(model) == {
        "dense1/kernel": (784, 100),
        "dense1/bias": (100,),
        "dense2/kernel": (100, 10),
        "dense2/bias": (10,),
    }


def test_cnn_is_the_handbooks(tf):
    model = cnn.create(input_shape=(28, 28, 1), classes=10, filters=[32, 64], kernel_size=5, hidden=1024)
    assert shapes(built(model, (28, 28, 1))) == {
        "conv1/kernel": (5, 5, 1, 32),
        "conv1/bias": (32,),
        "conv2/kernel": (5, 5, 32, 64),
        "conv2/bias": (64,),
        "dense1/kernel": (7 * 7 * 64, 1024),
        "dense1/bias": (1024,),
        "dense2/kernel": (1024, 10),
        "dense2/bias": (10,),
    }


def test_conv_catsdogs_is_the_handbooks(tf):
    model = conv_catsdogs.create(input_shape=(256, 256, 3), classes=2, filters=32, hidden=64)
    found = shapes(built(model, (256, 256, 3)))
    assert found["conv1/kernel"] == (3, 3, 3, 32)
    assert found["conv2/kernel"] == (5, 5, 32, 32)
    assert found["dense1/kernel"] == (61 * 61 * 32, 64)
    assert found["dense2/kernel"] == (64, 2)


def test_models_give_logits(tf):
    model = built(mlp.create(input_shape=(4, 4, 1), classes=3, hidden=5), (4, 4, 1))
    outputs = model(np.full((2, 4, 4, 1), 9.0, np.float32)).numpy()
    assert outputs.shape == (2, 3)
    assert not np.allclose(outputs.sum(axis=1), 1)


def test_pooling_must_leave_something(tf):
    with pytest.raises(ValueError, match=r"^model.filters=\[1, 1, 1\]: pooling leaves nothing of 4x4 pixels"):
        cnn.create(input_shape=(4, 4, 1), classes=2, filters=[1, 1, 1], kernel_size=3, hidden=4)


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_our_convolution_is_keras_convolution(tf, padding):
    import keras

    from exp.model.layers import Conv2D

    pictures = np.random.default_rng(0).random((3, 9, 9, 2), np.float32)
    ours, theirs = (kind(4, 3, padding=padding, activation="relu") for kind in (Conv2D, keras.layers.Conv2D))
    ours.build(pictures.shape)
    theirs.build(pictures.shape)
    theirs.set_weights([ours.kernel.numpy(), np.array([-1, 0, 0.5, 2], np.float32)])
    ours.set_weights(theirs.get_weights())
    np.testing.assert_allclose(ours(pictures), theirs(pictures), rtol=1e-6, atol=1e-6)


def test_our_convolution_has_the_same_gradient_in_eager_code_and_in_a_graph(tf):
    from exp.model.layers import Conv2D

    random = np.random.default_rng(0)
    pictures = random.random((50, 28, 28, 1), np.float32)
    layer = Conv2D(32, 5, padding="same", activation="relu")
    layer.build(pictures.shape)
    factors = random.normal(size=(50, 28, 28, 32)).astype(np.float32)

    def gradients():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(tf.constant(pictures)) * factors)
        return tape.gradient(loss, [layer.kernel.value, layer.bias.value])

    for eager, graph in zip(gradients(), tf.function(gradients)(), strict=True):
        np.testing.assert_array_equal(eager, graph)
