"""From arrays to batches: slices, map, batch, and what the elements look like."""

import numpy as np
import tensorflow as tf

pictures = np.arange(10 * 2 * 2, dtype=np.uint8).reshape(10, 2, 2, 1)
labels = np.arange(10, dtype=np.int32)


def prepared(picture, label):
    return tf.image.rot90(tf.cast(picture, tf.float32) / 255), label


dataset = tf.data.Dataset.from_tensor_slices((pictures, labels))
print(dataset.element_spec[0].shape, "elements:", dataset.cardinality().numpy())
dataset = dataset.map(prepared, num_parallel_calls=tf.data.AUTOTUNE).batch(4).prefetch(tf.data.AUTOTUNE)
for batch, numbers in dataset:
    print(batch.shape, batch.dtype.name, numbers.numpy())
