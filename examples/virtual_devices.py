"""Two devices made of one, and a step on both."""

import tensorflow as tf

gpus = tf.config.list_physical_devices("GPU")
limit = 2048 if gpus else None  # MB; a CPU takes no limit
physical = (gpus or tf.config.list_physical_devices("CPU"))[0]
tf.config.set_logical_device_configuration(physical, [tf.config.LogicalDeviceConfiguration(memory_limit=limit)] * 2)

devices = [device.name for device in tf.config.list_logical_devices(physical.device_type)]
strategy = tf.distribute.MirroredStrategy(devices)
print("Number of devices:", strategy.num_replicas_in_sync)
with strategy.scope():
    weight = tf.Variable(1.0)


@tf.function
def mean_square(batch):
    part = strategy.run(lambda x: tf.reduce_sum((weight * x) ** 2), args=(batch,))
    return strategy.reduce("SUM", part, axis=None)


parts = strategy.experimental_distribute_values_from_function(
    lambda context: tf.constant([[1.0, 2.0], [3.0, 4.0]][context.replica_id_in_sync_group])
)
print("parts:", [part.numpy().tolist() for part in strategy.experimental_local_results(parts)])
print("sum of squares over both:", mean_square(parts).numpy())
