"""Data sets, the order of their examples, and batches of them; one file a data set, a function `load` in each."""

from exp.data.dataset import Part, Skipped, Splits
from exp.data.order import Order
from exp.data.pipeline import Call, Feed, plan_calls, test_dataset, training_dataset
from exp.data.transforms import Transforms

__all__ = [
    "Call",
    "Feed",
    "Order",
    "Part",
    "Skipped",
    "Splits",
    "Transforms",
    "plan_calls",
    "test_dataset",
    "training_dataset",
]
