"""Layers in a Python list: part of the model, but not of its checkpoint."""

import tempfile

import tensorflow as tf


class Net(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden = [tf.keras.layers.Dense(4), tf.keras.layers.Dense(4)]
        self.out = tf.keras.layers.Dense(1)

    def call(self, x):
        for layer in self.hidden:
            x = layer(x)
        return self.out(x)


net = Net()
net(tf.ones((1, 3)))
prefix = tf.train.Checkpoint(model=net).save(tempfile.mkdtemp() + "/demo")
tf.train.Checkpoint(model=net).restore(prefix).assert_consumed()
print("variables of the model:", len(net.variables))
print("saved of the model:    ", [name for name, _ in tf.train.list_variables(prefix) if name.startswith("model")])
