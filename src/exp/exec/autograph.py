"""`exec.show_autograph`: the code that AutoGraph makes of the step."""

from pathlib import Path

import tensorflow as tf

from exp.exec import step
from exp.system.files import write_atomically

HEADER = """# What AutoGraph makes of the training step and the evaluation step (src/exp/exec/step.py), by to_code.
# `ag__` is TensorFlow's module of operators; the file is for reading, and does not run on its own.
# Runs trace the step as it is written, with autograph=False: no control flow in it depends on a tensor, so that both
# make the same graph.
"""


def write_code(path: Path) -> None:
    """Write AutoGraph's version of both steps to a file."""
    codes = [tf.autograph.to_code(function) for function in (step.train_step, step.eval_step)]
    write_atomically(path, "\n\n".join([HEADER, *codes]))
