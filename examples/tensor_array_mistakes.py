"""Two mistakes: a Python list filled by a graph's loop, and a write whose result is dropped."""

import tensorflow as tf


@tf.function
def squares(values):
    found = []
    for value in values:
        found.append(value * value)
    return tf.stack(found)


@tf.function
def dropped():
    array = tf.TensorArray(tf.float32, size=1)
    array.write(0, 7.0)
    return array.stack()


try:
    squares(tf.constant([1, 2, 3]))
except ValueError as error:
    print(type(error).__name__)
print(dropped().numpy())
