"""A Keras 3 layer in a graph of TensorFlow 1: the line y = 2x + 1, learned by a session."""

import numpy as np
import tensorflow as tf

v1 = tf.compat.v1
x_all = np.linspace(-1, 1, 64, dtype=np.float32)[:, None]

with tf.Graph().as_default(), v1.Session() as session:
    x = v1.placeholder(tf.float32, (None, 1))
    y = v1.placeholder(tf.float32, (None, 1))
    layer = tf.keras.layers.Dense(1)
    loss = tf.reduce_mean((layer(x) - y) ** 2)
    weights = [variable.value for variable in layer.trainable_variables]
    train = v1.train.GradientDescentOptimizer(0.5).minimize(loss, var_list=weights)
    session.run(v1.global_variables_initializer())
    for _ in range(50):
        _, last = session.run([train, loss], feed_dict={x: x_all, y: 2 * x_all + 1})
    kernel, bias = session.run(weights)
    print(f"loss {last:.4f}, kernel {kernel.item():.3f}, bias {bias.item():.3f}")
