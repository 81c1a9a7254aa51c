"""What a graph sees of the world outside: a variable lives on, a Python number is copied."""

import tensorflow as tf

steps = tf.Variable(0)
bonus = 100


@tf.function
def count():
    steps.assign_add(1)
    return steps + bonus


print(count().numpy(), count().numpy(), count().numpy())
steps.assign(50)
bonus = 1000
print(count().numpy(), "and steps =", steps.numpy())
