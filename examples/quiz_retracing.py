"""Which of these calls make a new graph?"""

import numpy as np
import tensorflow as tf


@tf.function
def double(x):
    return 2 * x


calls = [
    *(tf.constant(1), tf.constant(2), np.array(3, np.int32)),
    *(tf.constant(0.5), tf.constant(0.25), np.array(0.25)),
    *(4, 5, 4, 0.5, 0.25, 0.5),
    *(tf.constant([1, 2]), tf.constant([1, 2, 3])),
    *(5.0, True, 1),
]
for x in calls:
    before = double.experimental_get_tracing_count()
    answer = double(x)
    new = "new graph" if double.experimental_get_tracing_count() > before else ""
    print(f"{type(x).__name__:11} {np.asarray(x)!s:7} -> {answer.numpy()!s:7} {answer.dtype.name:7} {new}".rstrip())
