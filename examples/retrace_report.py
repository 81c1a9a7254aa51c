"""The handbook's calls, and the report of what they made."""

import numpy as np
import tensorflow as tf

from exp.exec.traces import traced


@traced
def f(x):
    print("The function is running in Python")
    return x


a, b, c = tf.constant(1), np.array(2, np.int32), tf.constant(0.1)
for x in (a, b, c, 1, 2, 1, 0.1, 0.2, 0.1):
    f(x)
print(f.report())
