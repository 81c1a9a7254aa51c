"""Which devices there are, which one computes, and that the choice can be made only once."""

import tensorflow as tf

for kind in ("CPU", "GPU"):
    print(kind, [device.name for device in tf.config.list_physical_devices(kind)])

for gpu in tf.config.list_physical_devices("GPU"):
    tf.config.experimental.set_memory_growth(gpu, True)
tf.config.set_visible_devices(tf.config.list_physical_devices("GPU")[:1], "GPU")
print("computed on", tf.constant(1.0).device)

try:
    tf.config.set_visible_devices([], "CPU")
except RuntimeError as error:
    print("RuntimeError:", error)
