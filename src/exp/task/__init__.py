"""What a model is trained for: its loss, and the metrics that an evaluation reports."""

from exp.task.base import Direction, KerasForm, Metric, Task
from exp.task.classification import Classification

__all__ = ["Classification", "Direction", "KerasForm", "Metric", "Task"]
