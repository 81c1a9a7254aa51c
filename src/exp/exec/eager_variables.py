"""What executors share whose variables live in TensorFlow's eager world: `eager`, `function` and `fit`."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import tensorflow as tf

from exp.checkpoint import EagerAccess


class EagerVariables(EagerAccess):
    """Variables whose scope is empty, and whose values are at hand."""

    def scope(self) -> AbstractContextManager[Any]:
        """Nothing to enter."""
        return nullcontext()

    def computing(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, computed operation by operation."""
        return lambda *tensors: tf.nest.map_structure(np.asarray, function(*tensors))
