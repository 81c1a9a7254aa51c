"""The loggers that write into a run folder, and without which there is no run. Imports TensorFlow."""

from pathlib import Path

from exp.loggers.jsonl import JsonlLogger
from exp.loggers.logger import Logger
from exp.loggers.tensorboard import TensorBoardLogger


def file_loggers(folder: Path, *, done: int, tensorboard: bool = True) -> list[Logger]:
    """What logs to `metrics.jsonl` and, if that is asked for, to TensorBoard's event file, after `done` steps.

    What an earlier, killed process logged of later steps is dropped. Of the last step everything stays but what the
    resumed run writes anew: a test after that step may have been cut off.
    """
    events = [TensorBoardLogger(folder, done=done)] if tensorboard else []
    return [JsonlLogger(folder, done=done), *events]
