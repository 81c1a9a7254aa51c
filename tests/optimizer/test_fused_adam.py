"""Adam in one pass: Keras's numbers, Keras's variables."""

import numpy as np
import pytest

STEPS = 20


def trained(tf, make, mode: str, *, sparse: bool = False, replicas: int = 1):
    """The variable after some steps with known gradients, and the optimizer."""
    import keras

    random = np.random.default_rng(0)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]) if replicas > 1 else tf.distribute.get_strategy()
    with strategy.scope():
        weight = keras.Variable(random.normal(size=(7, 5)).astype(np.float32), name="weight")
        optimizer = make(learning_rate=0.01)
        optimizer.build([weight])

    def update(gradient):
        strategy.run(lambda g: optimizer.apply_gradients([(g, weight)]), args=(gradient,))

    step = update if mode == "eager" else tf.function(update, jit_compile=(mode == "xla") or None, autograph=False)
    for _ in range(STEPS):
        values = tf.constant(random.normal(size=(3, 5) if sparse else (7, 5)).astype(np.float32))
        step(tf.IndexedSlices(values, tf.constant([0, 2, 4]), tf.constant([7, 5])) if sparse else values)
    return weight, optimizer


@pytest.mark.parametrize(("mode", "replicas"), [("eager", 1), ("function", 1), ("xla", 1), ("eager", 2)])
def test_it_is_keras_adam(tf, mode, replicas):
    import keras

    from exp.optimizer.fused_adam import Adam

    ours, optimizer = trained(tf, Adam, mode, replicas=replicas)
    theirs, keras_optimizer = trained(tf, keras.optimizers.Adam, mode, replicas=replicas)
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-4, atol=1e-6)
    for one, other in zip(optimizer.variables, keras_optimizer.variables, strict=True):
        assert one.path.partition("/")[2] == other.path.partition("/")[2]  # before it, Keras counts optimizers
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-4, atol=1e-6)


def test_eager_and_graph_are_the_same_to_the_last_bit(tf):
    from exp.optimizer.fused_adam import Adam

    np.testing.assert_array_equal(trained(tf, Adam, "eager")[0].numpy(), trained(tf, Adam, "function")[0].numpy())


def test_sparse_gradients_are_left_to_keras(tf):
    import keras

    from exp.optimizer.fused_adam import Adam

    ours, _ = trained(tf, Adam, "function", sparse=True)
    theirs, _ = trained(tf, keras.optimizers.Adam, "function", sparse=True)
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
