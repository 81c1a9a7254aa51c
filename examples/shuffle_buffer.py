"""How far a shuffle buffer mixes data that is sorted by class: 500 cats (0), then 500 dogs (1)."""

import tensorflow as tf

labels = tf.repeat([0, 1], 500)
for buffer_size in (1, 100, 500, 1000):
    dataset = tf.data.Dataset.from_tensor_slices(labels).shuffle(buffer_size, seed=0).batch(100)
    dogs = [int(tf.reduce_sum(batch)) for batch in dataset]
    print(f"buffer_size={buffer_size:<5} dogs in each batch of 100: {dogs}")
