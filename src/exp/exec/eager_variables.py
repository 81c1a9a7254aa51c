"""What executors share whose variables live in TensorFlow's eager world: `eager`, `function` and `fit`."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import numpy.typing as npt

from exp.checkpoint import EagerAccess
from exp.exec import step


class EagerVariables(EagerAccess):
    """Variables whose scope is empty, and whose values are at hand."""

    def scope(self) -> AbstractContextManager[Any]:
        """Nothing to enter."""
        return nullcontext()

    def predict(self, model: Any, features: Any) -> npt.NDArray[Any]:
        """What the model gives, computed on one device."""
        return np.asarray(model(step.scaled(features), training=False))
