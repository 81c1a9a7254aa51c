"""The outer model of `exec=fit`: Keras's own steps, observed; and a metric that notes the loss of every single step."""

import threading
from typing import Any

import keras
import tensorflow as tf

from exp.data.dataset import tensor_specs
from exp.exec import step
from exp.exec.executor import Program
from exp.exec.traces import TraceLog
from exp.loggers import collect

OWN = "own:"
"""Begins the names, among Keras's logs, of the model's own summaries."""

_traced = threading.local()
"""The penalties that the step being traced has made; each replica of a strategy is traced in a thread of its own."""


def _penalties() -> list[Any]:
    """What regularizers add to the loss of the step being traced; empty if Keras only looks for shapes."""
    graph = tf.compat.v1.get_default_graph()
    return [penalty for penalty in getattr(_traced, "penalties", ()) if penalty.graph is graph]


class StepLosses(keras.metrics.Metric):  # type: ignore[misc]
    """The loss of each step of the last call: (steps_per_call,) float32, in the order of the steps.

    What the model's regularizers add belongs to it, as in every other mode.
    """

    def __init__(self, program: Program) -> None:
        super().__init__(name="step_losses")
        self._task = program.task
        wanted = program.targets if tf.nest.flatten(program.targets) else program.features
        self._targets = tensor_specs(wanted, scaled=True)
        self._losses = self.add_variable((program.steps_per_call,), "zeros", name="losses")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Push out the oldest loss."""
        targets = tf.nest.map_structure(_as_given, self._targets, y_true)
        loss = tf.add_n([tf.reduce_mean(step.row_losses(self._task, targets, y_pred)), *_penalties()])
        held = tf.convert_to_tensor(self._losses)
        self._losses.assign(tf.concat([held[1:], loss[tf.newaxis]], axis=0))

    def result(self) -> Any:
        """All losses that are held; the last ones belong to the last call."""
        return tf.convert_to_tensor(self._losses)


def _as_given(spec: Any, tensor: Any) -> Any:
    """Targets with the shape and type that the data set gives them: Keras casts them to float."""
    return tf.cast(tf.reshape(tensor, [-1, *spec.shape]), spec.dtype)


class Observed(keras.Model):  # type: ignore[misc]
    """A Keras model that notes its traces, and puts the model's own summaries into Keras's logs."""

    def __init__(self, *arguments: Any, traces: TraceLog, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._log = traces

    def compute_loss(self, *arguments: Any, **named: Any) -> Any:
        """Keras's. The penalties are noted here: metrics come after the update, which changes them."""
        _traced.penalties = [tf.identity(penalty) for penalty in self.losses]
        return super().compute_loss(*arguments, **named)

    def train_step(self, data: Any) -> Any:
        """Keras's; each replica calls it once for a trace."""
        with self._log.tracing("train", _arguments(data), once_a_graph=True), collect.collected() as own:
            logs = super().train_step(data)
        if self.distribute_strategy.num_replicas_in_sync > 1:
            # Keras takes the mean of logs over replicas, which only numbers have.
            own = {key: value for key, value in own.items() if collect.kind_of(key) == "scalar"}
        return {**logs, **{f"{OWN}{key}": value for key, value in own.items()}}

    def test_step(self, data: Any) -> Any:
        """Keras's."""
        with self._log.tracing("test", _arguments(data), once_a_graph=True):
            return super().test_step(data)


def _arguments(data: Any) -> dict[str, Any]:
    return dict(zip(("features", "targets", "weights"), data, strict=False))


class AcrossWorkers(Observed):
    """Keras's own steps, past two places where Keras 3.15 fails under `MultiWorkerMirroredStrategy`.

    Keras averages logs over workers along an axis, which the scalars it makes itself lack: they get one here. And it
    asks the strategy for the mean of a whole batch, to know its shapes: these are known here.
    """

    def __init__(self, *arguments: Any, batch: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._batch = batch

    def _maybe_symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
        """Make the metrics' variables, in the strategy's scope."""
        with self.distribute_strategy.scope():
            self._symbolic_build(data_batch=self._batch)

    def train_step(self, data: Any) -> Any:
        """Keras's."""
        return _with_axis(super().train_step(data))

    def test_step(self, data: Any) -> Any:
        """Keras's."""
        return _with_axis(super().test_step(data))


def _with_axis(logs: Any) -> Any:
    return {name: tf.convert_to_tensor(value)[tf.newaxis] for name, value in logs.items()}
