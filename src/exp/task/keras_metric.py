"""A metric of Keras's, or of the user's, as sums that add up over batches and replicas."""

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from exp.errors import UserError
from exp.system.own_code import described, message_of
from exp.task.protocol import Direction

ROWS = 12
"""The number of rows with which it is tried whether the state of a metric adds up."""


class KerasMetric:
    """The variables of a `keras.metrics.Metric` after one batch are its sums; Keras makes the value of their totals.

    That is right for metrics whose state is made of sums, such as means, counts of a confusion matrix, and sums of
    squares. `problem` tries it out, for any metric. Keras computes in float64 here.
    """

    def __init__(self, name: str, metric: Any, *, prepare: Callable[[Any, Any], tuple[Any, Any]] | None = None) -> None:
        """Take a metric.

        Args:
            name: by which the task calls it.
            metric: a `keras.metrics.Metric`.
            prepare: makes of targets and outputs what the metric is given.

        Raises:
            UserError: it is something else.
        """
        import keras

        if not isinstance(metric, keras.metrics.Metric):
            raise UserError(
                f"task.metrics.{name}: gives {described(metric)}, not a keras.metrics.Metric; it must be a node "
                "such as {_target_: keras.metrics.MeanAbsoluteError}"
            )
        self._name, self._metric = name, _in_float64(metric, name)
        self._tried: tuple[Any, Any] | None = None
        self._prepare = prepare or (lambda targets, outputs: (targets, outputs))

    @property
    def direction(self) -> Direction | None:
        """As Keras has it; None if it has none."""
        known: Mapping[Any, Direction] = {"up": "max", "down": "min"}
        return known.get(getattr(self._metric, "_direction", None))

    @property
    def no_sums(self) -> Mapping[str, npt.NDArray[Any]]:
        """A zero for each variable of the metric, in order."""
        return {
            f"{number:02}": np.zeros(tuple(variable.shape), variable.dtype)
            for number, variable in enumerate(self._metric.variables)
        }

    def sums(self, targets: Any, outputs: Any, counts: Any, weights: Any = None) -> Mapping[str, Any]:
        """The state of the metric after a batch; rows that do not count have the weight 0."""
        import tensorflow as tf

        zeros = self.no_sums
        before = [tf.constant(zero) for zero in zeros.values()]
        given = weighted_counts(counts, weights, self._metric.dtype)
        after = self._metric.stateless_update_state(before, *self._prepare(targets, outputs), sample_weight=given)
        return {
            name: tf.ensure_shape(tf.cast(tensor, zero.dtype), zero.shape)
            for (name, zero), tensor in zip(zeros.items(), after, strict=True)
        }

    def value(self, totals: Mapping[str, npt.NDArray[Any]], examples: int) -> float:
        """What Keras makes of the totals."""
        import keras

        variables = self._metric.variables
        state = [
            (variable, keras.ops.convert_to_tensor(totals[name], variable.dtype))
            for name, variable in zip(sorted(totals), variables, strict=True)
        ]
        with keras.StatelessScope(state_mapping=state):
            # Converted inside: a metric may give one of its variables, which outside has another value.
            values = np.asarray(keras.ops.convert_to_tensor(self._metric.result()))
        if values.size != 1:
            raise ValueError(f"it gives {values.size} numbers, and must give one (perhaps by its argument `average`)")
        return float(values.reshape(()))

    def value_from_keras(self, result: float, examples: int) -> float:
        """Keras's own."""
        return result

    def of_keras(self) -> Any:
        """A metric like this one, without a state, for Keras's own evaluation."""
        metric = _in_float64(self._metric, self._name)
        if self._tried is not None:
            self._make_variables(metric)
        update, prepare = metric.update_state, self._prepare

        def update_state(y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
            return update(*prepare(y_true, y_pred), sample_weight=sample_weight)

        metric.update_state = update_state
        return metric

    def _make_variables(self, metric: Any) -> None:
        """Some metrics make their variables when they first see shapes, and then with the default type of Keras."""
        import keras

        assert self._tried is not None
        usual = keras.config.floatx()
        keras.config.set_floatx("float64")
        try:
            metric.update_state(*self._prepare(*self._tried))
        finally:
            keras.config.set_floatx(usual)
        metric.reset_state()

    def problem(self, targets: Any, outputs: Any, weights: Any = None) -> str | None:
        """Why the metric cannot be exact over batches, padded rows and replicas; None if it can.

        Args:
            targets: of `ROWS` rows, as a model is given them.
            outputs: for these rows.
            weights: of these rows, or of their positions; None: all count alike.
        """
        import tensorflow as tf

        given = (targets, outputs) if weights is None else (targets, outputs, weights)
        try:
            self._tried = targets, outputs
            self._make_variables(self._metric)
            whole, first, rest = (
                self._state(given, slice(*ends)) for ends in ((0, ROWS), (0, ROWS // 3), (ROWS // 3, ROWS))
            )
            half = tf.constant([number < ROWS // 2 for number in range(ROWS)])
            padded = {name: np.asarray(part) for name, part in self.sums(*given[:2], half, *given[2:]).items()}
            added = {name: first[name] + rest[name] for name in whole}
            expected, got = self.value(whole, ROWS), self.value(added, ROWS)
            unpadded = self.value(self._state(given, slice(0, ROWS // 2)), ROWS // 2)
            filled = self.value(padded, ROWS // 2)
        except Exception as error:  # whatever Keras, or the user's own metric, makes of such targets and outputs
            return (
                f"task.metrics.{self._name}: cannot be computed from these targets and outputs: {message_of(error)}; "
                f"~task.metrics.{self._name} leaves it out"
            )
        if not np.isclose(got, expected, rtol=1e-6, atol=1e-9, equal_nan=True):
            return (
                f"task.metrics.{self._name}: its state does not add up over batches ({got:.6g} from two parts, "
                f"{expected:.6g} from the whole), so that it would depend on the batch size and on replicas"
            )
        if not np.isclose(filled, unpadded, rtol=1e-6, atol=1e-9, equal_nan=True):
            return (
                f"task.metrics.{self._name}: does not leave out rows with sample_weight 0 ({filled:.6g} instead of "
                f"{unpadded:.6g}), and the last batch is filled up with such rows"
            )
        return None

    def _state(self, given: Any, rows: slice) -> dict[str, npt.NDArray[Any]]:
        """The sums of some rows of (targets, outputs), or of (targets, outputs, weights)."""
        import tensorflow as tf

        targets, outputs, *weights = tf.nest.map_structure(lambda tensor: tf.convert_to_tensor(tensor)[rows], given)
        sums = self.sums(targets, outputs, tf.ones(rows.stop - rows.start, tf.bool), *weights)
        return {name: np.asarray(tensor) for name, tensor in sums.items()}


def weighted_counts(counts: Any, weights: Any, dtype: Any) -> Any:
    """What rows, or their positions, count: 0 for a row that only fills up a batch, else its weight or 1."""
    import tensorflow as tf

    counts = tf.cast(counts, dtype)
    if weights is None:
        return counts
    return tf.reshape(counts, [-1, *[1] * (weights.shape.rank - 1)]) * tf.cast(weights, dtype)


def _in_float64(metric: Any, name: str) -> Any:
    """The same metric with a state in double precision, if it can be made anew."""
    with contextlib.suppress(TypeError, NotImplementedError):
        return type(metric).from_config({**metric.get_config(), "name": name, "dtype": "float64"})
    return metric
