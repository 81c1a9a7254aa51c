"""The code that AutoGraph makes of an `if`, and the operation that comes of it."""

import tensorflow as tf


def halved_if_even(x):
    if x % 2 == 0:
        x //= 2
    return x


print(tf.autograph.to_code(halved_if_even))
graph = tf.function(halved_if_even).get_concrete_function(tf.TensorSpec((), tf.int32)).graph
print([operation.type for operation in graph.get_operations()])
