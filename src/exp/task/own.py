"""A task whose figures are measured by a function of the user's, and that is trained by a step of the user's."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from exp.errors import UserError
from exp.task.protocol import Direction, KerasForm


def create(*, measure: Any, metrics: Mapping[str, Literal["max", "min"]]) -> "Own":
    """A task of the user's own, such as that of a network which draws pictures.

    Args:
        measure: a function (model, features, targets, ...) -> figures: (rows,) numbers for `loss` and for each metric,
            by name. What is reported are their means over all examples.
        metrics: the names of the metrics, each with `max` or `min`, the direction that is better.

    Raises:
        UserError: something else is given than a function.
    """
    if not callable(measure):
        raise UserError(f"task.measure={measure}: must be a node that names a function of your own")
    return Own(measure, MappingProxyType({name: MeanOfRows(name, goal) for name, goal in metrics.items()}))


def metric_names(*, metrics: Mapping[str, Any], measure: Any = None) -> list[str]:
    """The names of the metrics, without making the task."""
    return list(metrics)


@dataclass(frozen=True)
class Own:
    """Figures of the user's own."""

    measure: Callable[..., Any]
    metrics: Mapping[str, "MeanOfRows"]
    is_of_classes: bool = False

    def output_problem(self, output: Any, *, data: str) -> str | None:
        """None: whatever a model gives, only the user's functions call it."""
        return None

    def losses(self, targets: Any, outputs: Any) -> Any:
        """The measured loss of each row."""
        return outputs["loss"]

    def named_outputs(self, outputs: Any) -> Mapping[str, Any]:
        """What the model gives."""
        return dict(outputs) if isinstance(outputs, Mapping) else {"outputs": outputs}

    def keras_form(self) -> KerasForm:
        """There is none.

        Raises:
            UserError: always.
        """
        raise UserError("exec=fit: evaluates by Keras's own step, and task.measure is none of its; take another mode")


@dataclass(frozen=True)
class MeanOfRows:
    """The mean of a figure over all examples, summed in float64."""

    name: str
    direction: Direction | None

    @property
    def no_sums(self) -> Mapping[str, npt.NDArray[Any]]:
        """A zero."""
        return {"sum": np.zeros((), np.float64)}

    def sums(self, targets: Any, outputs: Any, counts: Any, weights: Any = None) -> Mapping[str, Any]:
        """The sum over the rows that count; `outputs` are what was measured."""
        import tensorflow as tf

        figures = outputs[self.name]
        return {"sum": tf.reduce_sum(tf.where(counts, figures, tf.zeros_like(figures)))}

    def value(self, totals: Mapping[str, npt.NDArray[Any]], examples: int) -> float:
        """The sum divided by the number of examples."""
        return float(totals["sum"]) / examples

    def value_from_keras(self, result: float, examples: int) -> float:
        """Never asked for, because there is no counterpart in Keras."""
        return result

    def of_keras(self) -> Any:
        """There is none."""
        return None
