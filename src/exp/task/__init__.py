"""What a model is trained for: its loss, and the metrics that an evaluation reports."""

from exp.task.classification import Classification
from exp.task.keras_metric import KerasMetric
from exp.task.protocol import Direction, KerasForm, Metric, Task, UnfitError

__all__ = ["Classification", "Direction", "KerasForm", "KerasMetric", "Metric", "Task", "UnfitError"]
