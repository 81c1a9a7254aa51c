"""Five saves, numbered by step, of which the last three stay."""

import tempfile
from pathlib import Path

import tensorflow as tf

folder = Path(tempfile.mkdtemp())
step = tf.Variable(0)
checkpoint = tf.train.Checkpoint(step=step)
manager = tf.train.CheckpointManager(checkpoint, folder, max_to_keep=3, checkpoint_name="model")
for number in range(100, 600, 100):
    step.assign(number)
    manager.save(checkpoint_number=number)
print(*sorted(path.name for path in folder.iterdir()), sep="\n")

step.assign(0)
print("restored:", Path(manager.restore_or_initialize()).name, "with step", step.numpy())

(folder / "checkpoint").write_text("model_che")  # as a crash may leave it
print("believed now:", tf.train.latest_checkpoint(folder))
