"""File names become batches of pictures of one size; the folder's name is the label."""

import tempfile
from pathlib import Path

import tensorflow as tf

folder = Path(tempfile.mkdtemp())
for name, size in (("cats/1.jpg", 60), ("cats/2.jpg", 90), ("dogs/1.jpg", 40), ("dogs/2.jpg", 70)):
    (folder / name).parent.mkdir(exist_ok=True)
    tf.io.write_file(str(folder / name), tf.io.encode_jpeg(tf.zeros((size, size, 3), tf.uint8)))


def read(path):
    picture = tf.io.decode_image(tf.io.read_file(path), channels=3, expand_animations=False)
    label = tf.strings.split(path, "/")[-2] == "dogs"
    return tf.image.resize(picture, (32, 32)), tf.cast(label, tf.int32)


files = sorted(str(path) for path in folder.glob("*/*.jpg"))
dataset = tf.data.Dataset.from_tensor_slices(files).shuffle(len(files), seed=2)
for pictures, labels in dataset.map(read, num_parallel_calls=tf.data.AUTOTUNE).batch(2):
    print(pictures.shape, pictures.dtype.name, labels.numpy())
