"""What a summary writer leaves in an event file, read without TensorBoard."""

import tempfile
from pathlib import Path

import tensorflow as tf

folder = tempfile.mkdtemp()
with tf.summary.create_file_writer(folder).as_default():
    for step in range(3):
        tf.summary.scalar("loss", 1 / (step + 1), step=step)
    tf.summary.histogram("weights", tf.random.normal([100]), step=2)

(path,) = Path(folder).glob("events.out.tfevents.*")
for record in tf.data.TFRecordDataset(str(path)):
    event = tf.compat.v1.Event.FromString(record.numpy())
    for value in event.summary.value:
        print(event.step, value.tag, f"({value.metadata.plugin_data.plugin_name})")
