"""A loop over a tensor is one operation; a loop over a Python number is written out."""

import tensorflow as tf


def power(x, n):
    result = 1.0
    for _ in range(n):
        result *= x
    return result


def operations(n):
    graph = tf.function(power).get_concrete_function(tf.TensorSpec(()), n).graph
    return [operation.type for operation in graph.get_operations()]


print("n=5: ", operations(5))
print("n=50:", len(operations(50)), "operations")
loop = operations(tf.TensorSpec((), tf.int32))
print("any n:", len(loop), "operations, with a StatelessWhile:", "StatelessWhile" in loop)
