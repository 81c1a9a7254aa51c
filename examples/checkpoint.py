"""What a checkpoint holds, and how its values find their way back."""

import tempfile

import tensorflow as tf

folder = tempfile.mkdtemp()
layer = tf.keras.layers.Dense(2)
layer.build((None, 3))
prefix = tf.train.Checkpoint(net=layer).save(f"{folder}/demo")
print("prefix:", prefix.removeprefix(folder))
for name, shape in tf.train.list_variables(prefix):
    print(f"  {name} {shape}")

twin = tf.keras.layers.Dense(2)
twin.build((None, 3))
status = tf.train.Checkpoint(model=twin).restore(prefix)
print("as model:", (twin.kernel.numpy() == layer.kernel.numpy()).all())
status = tf.train.Checkpoint(net=twin).restore(prefix)
status.assert_consumed()
print("as net:  ", (twin.kernel.numpy() == layer.kernel.numpy()).all())
