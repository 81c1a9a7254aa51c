"""What a model is trained for: its loss, and the metrics that an evaluation reports."""

from exp.task.classification import Classification
from exp.task.protocol import Direction, KerasForm, Metric, Task

__all__ = ["Classification", "Direction", "KerasForm", "Metric", "Task"]
