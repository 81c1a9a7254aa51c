"""A task for tests that is not classification: two numbers are to be predicted for each example."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from exp.task import Direction, KerasForm, Metric


class AbsoluteError:
    """The mean absolute error, from two sums of which one is a vector; the smallest is the best."""

    direction: Direction = "min"
    no_sums: Mapping[str, Any] = MappingProxyType({"errors": np.zeros(2, np.float32), "rows": np.zeros((), np.int32)})

    def sums(self, targets: Any, outputs: Any, counts: Any) -> Mapping[str, Any]:
        import tensorflow as tf

        errors = tf.abs(outputs - targets) * tf.cast(counts, tf.float32)[:, tf.newaxis]
        return {"errors": tf.reduce_sum(errors, axis=0), "rows": tf.reduce_sum(tf.cast(counts, tf.int32))}

    def value(self, totals: Mapping[str, Any], examples: int) -> float:
        return float(totals["errors"].sum()) / (2 * int(totals["rows"]))

    def value_from_keras(self, result: float, examples: int) -> float:
        return result


@dataclass(frozen=True)
class Regression:
    """Squared errors: a loss for each position of each row."""

    @property
    def metrics(self) -> Mapping[str, Metric]:
        return {"absolute_error": AbsoluteError()}

    def output_problem(self, output: Any, *, data: str) -> str | None:
        return None

    def losses(self, targets: Any, outputs: Any) -> Any:
        return (outputs - targets) ** 2

    def keras_form(self) -> KerasForm:
        import keras

        return KerasForm(
            loss=keras.losses.MeanSquaredError(),
            mean_loss=keras.metrics.MeanSquaredError(name="squared_error"),
            metrics={"absolute_error": keras.metrics.MeanAbsoluteError(name="absolute_error")},
        )
