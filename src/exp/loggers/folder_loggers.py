"""The loggers that write into a run folder. Imports TensorFlow."""

from pathlib import Path

from exp.loggers.jsonl import JsonlLogger
from exp.loggers.logger import Logger
from exp.loggers.tensorboard import TensorBoardLogger


def file_loggers(folder: Path, *, done: int) -> list[Logger]:
    """What logs to `metrics.jsonl` and to TensorBoard's event file, after `done` steps.

    What an earlier, killed process logged of later steps is dropped. Of the last step everything stays but what the
    resumed run writes anew: a test after that step may have been cut off.
    """
    tensorboard = TensorBoardLogger(folder, done=done)
    return [JsonlLogger(folder, done=done), tensorboard]
