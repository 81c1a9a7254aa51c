"""Data sets, the order of their examples, and batches of them; one file a data set, a function `load` in each."""

import sys

from exp.data import old_names
from exp.data.dataset import Dataset, Skipped, Spec
from exp.data.images.transforms import ImageTransforms
from exp.data.in_memory import arrays
from exp.data.old_names import Part, Splits
from exp.data.order import Order
from exp.data.pipeline import (
    Call,
    Feed,
    evaluation_batches,
    evaluation_dataset,
    plan_calls,
    training_batches,
    training_dataset,
)
from exp.data.split import Split, Weighted, array_split

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
    "Weighted",
    "array_split",
    "arrays",
    "evaluation_batches",
    "evaluation_dataset",
    "plan_calls",
    "training_batches",
    "training_dataset",
]

base = sys.modules["exp.data.base"] = old_names  # the module that users' own data sets imported these names from
