"""Data sets, the order of their examples, and batches of them; one file a data set, a function `load` in each."""

from exp.data.base import Part, Splits
from exp.data.order import Order
from exp.data.pipeline import Call, plan_calls, test_dataset, training_dataset

__all__ = ["Call", "Order", "Part", "Splits", "plan_calls", "test_dataset", "training_dataset"]
