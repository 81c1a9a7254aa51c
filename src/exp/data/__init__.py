"""Data sets, the order of their examples, and batches of them; one file a data set, a function `load` in each."""

from exp.data.base import Part, Splits
from exp.data.dataset import Dataset, Skipped, Spec, Split, array_split
from exp.data.images.transforms import ImageTransforms
from exp.data.order import Order
from exp.data.pipeline import Call, Feed, evaluation_dataset, plan_calls, training_dataset

__all__ = [
    "Call",
    "Dataset",
    "Feed",
    "ImageTransforms",
    "Order",
    "Part",
    "Skipped",
    "Spec",
    "Split",
    "Splits",
    "array_split",
    "evaluation_dataset",
    "plan_calls",
    "training_dataset",
]
