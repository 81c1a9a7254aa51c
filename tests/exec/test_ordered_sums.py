"""`AddN` of three tensors and more is not used in graphs: its rounding would depend on timing."""

import numpy as np

from exp.exec import ordered_sums


def kinds(tf, function, *arguments) -> set[str]:
    graph = tf.function(function, autograph=False).get_concrete_function(*arguments).graph
    return {operation.type for operation in graph.get_operations()}


def test_the_gradient_of_a_variable_that_is_used_often_has_one_order(tf):
    ordered_sums.install()
    weight = tf.Variable(np.full((2, 2), 0.5, np.float32))

    def gradient(x):
        with tf.GradientTape() as tape:
            for _ in range(4):
                x = tf.tanh(x @ weight)
            loss = tf.reduce_sum(x)
        return tape.gradient(loss, weight)

    x = tf.constant([[1.0, 2.0]])
    assert "AddN" not in kinds(tf, gradient, x)
    np.testing.assert_allclose(tf.function(gradient)(x), gradient(x), rtol=1e-6)


def test_two_tensors_are_added_as_before(tf):
    ordered_sums.install()
    assert "AddN" in kinds(tf, lambda x: tf.add_n([x, x]), tf.constant([1.0]))
    assert "AddN" not in kinds(tf, lambda x: tf.add_n([x, x, x]), tf.constant([1.0]))
