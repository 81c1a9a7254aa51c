"""A running sum, collected step by step inside a graph."""

import tensorflow as tf


@tf.function
def running_sums(values):
    sums = tf.TensorArray(values.dtype, size=0, dynamic_size=True, element_shape=())
    total = tf.zeros((), values.dtype)
    for number in tf.range(tf.size(values)):
        total += values[number]
        sums = sums.write(number, total)
    return sums.stack()


print(running_sums(tf.constant([1, 2, 3, 4])).numpy())
print(running_sums(tf.constant([10, 20])).numpy())
