"""`exec=fit`: Keras's own `compile`, `fit` and `evaluate`, with Keras's own training step and loss.

What is ours here: the data set, and a metric that notes the loss of every single step, because Keras itself reports
running means only. See docs/adr/0004-fit-is-keras.md.
"""

import threading
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from exp.exec import step
from exp.exec.base import AfterCall, Batches, Details, EagerVariables, Program, TestResult
from exp.exec.calls import Between, nothing
from exp.exec.traces import TraceLog
from exp.loggers import collect

ACCURACY = "sparse_categorical_accuracy"
OWN = "own:"
"""Begins the names, among Keras's logs, of the model's own figures."""


_traced = threading.local()
"""What the step being traced has made; each replica of a strategy is traced in a thread of its own."""


def _penalties() -> list[Any]:
    """What regularizers add to the loss of the step being traced; none where Keras only looks for shapes."""
    graph = tf.compat.v1.get_default_graph()
    return [penalty for penalty in getattr(_traced, "penalties", ()) if penalty.graph is graph]


class StepLosses(keras.metrics.Metric):  # type: ignore[misc]
    """The loss of each step of the last call: (steps_per_call,) float32, in the order of the steps.

    What the model's regularizers add belongs to it, as in every other mode.
    """

    def __init__(self, steps_per_call: int) -> None:
        super().__init__(name="step_losses")
        self._losses = self.add_variable((steps_per_call,), "zeros", name="losses")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Push out the oldest loss."""
        labels = tf.cast(tf.reshape(y_true, [-1]), tf.int32)  # Keras casts labels to float
        loss = tf.add_n([tf.reduce_mean(step.cross_entropy(labels, y_pred)), *_penalties()])
        held = tf.convert_to_tensor(self._losses)
        self._losses.assign(tf.concat([held[1:], loss[tf.newaxis]], axis=0))

    def result(self) -> Any:
        """All of them; the last ones belong to the last call."""
        return tf.convert_to_tensor(self._losses)


class _AfterCall(keras.callbacks.Callback):  # type: ignore[misc]
    """Keras's callback, handed on to the loop."""

    def __init__(self, batches: Batches, after_call: AfterCall) -> None:
        super().__init__()
        self._calls = iter(batches.calls)
        self._after_call = after_call

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Runs once for every `steps_per_execution` steps."""
        call = next(self._calls)
        losses = np.asarray(logs["step_losses"], np.float32)[-call.steps :]
        own = {name.removeprefix(OWN): value for name, value in logs.items() if name.startswith(OWN)}
        if not self._after_call(call.first, losses, Details(own, {})):
            self.model.stop_training = True


class _Between(keras.callbacks.Callback):  # type: ignore[misc]
    """Something that is done at each call of a test."""

    def __init__(self, between: Between) -> None:
        super().__init__()
        self._between = between

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Runs once for every `steps_per_execution` steps."""
        self._between()


class Observed(keras.Model):  # type: ignore[misc]
    """A Keras model that notes its traces, and puts the model's own figures into Keras's logs."""

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
    return dict(zip(("pictures", "labels", "weights"), data, strict=False))


class AcrossWorkers(Observed):
    """Keras's own steps, past two places where Keras 3.15 fails under `MultiWorkerMirroredStrategy`.

    It averages logs over workers along an axis, which the scalars it makes itself do not have: they get one here. And
    it asks the strategy for the mean of a whole batch, to know its shapes: these are known here.
    """

    def _maybe_symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
        """Make the metrics' variables, in the strategy's scope."""
        pictures = tf.TensorSpec((None, *self.input_shape[1:]), self.inputs[0].dtype)
        with self.distribute_strategy.scope():
            self._symbolic_build(data_batch=(pictures, tf.TensorSpec((None,), tf.int32)))

    def train_step(self, data: Any) -> Any:
        """Keras's."""
        return _with_axis(super().train_step(data))

    def test_step(self, data: Any) -> Any:
        """Keras's."""
        return _with_axis(super().test_step(data))


def _with_axis(logs: Any) -> Any:
    return {name: tf.convert_to_tensor(value)[tf.newaxis] for name, value in logs.items()}


class FitExecutor(EagerVariables):
    """Keras trains an outer model that scales the pictures and then calls ours.

    The outer model is what gets compiled, so that ours holds no metrics or loss trackers and its checkpoints are
    those of every other mode.
    """

    waits_visible = False

    def prepare(self, program: Program) -> None:
        """Wrap and compile."""
        self._program, self.traces = program, TraceLog()
        kind = Observed if program.rows is None else AcrossWorkers
        with program.strategy.scope():
            pictures = keras.Input(program.input_shape, dtype=program.pixel_type)
            scaled = keras.layers.Rescaling(step.SCALE)(pictures) if program.pixel_type == "uint8" else pictures
            self._outer = kind(pictures, program.model(scaled), traces=self.traces)
            self._accuracy = keras.metrics.SparseCategoricalAccuracy(name=ACCURACY)
            self._outer.compile(
                optimizer=program.optimizer,
                loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                metrics=[StepLosses(program.steps_per_call)],
                weighted_metrics=[
                    self._accuracy,
                    keras.metrics.SparseCategoricalCrossentropy(from_logits=True, name="cross_entropy"),
                ],
                steps_per_execution=program.steps_per_call,
                jit_compile=program.jit_train,
            )

    def train(self, batches: Batches, after_call: AfterCall) -> None:
        """One Keras epoch over all steps that are left: the data set itself goes from epoch to epoch."""
        steps = sum(call.steps for call in batches.calls)
        # Keras counts its calls from the start; only the last one may be shorter.
        assert len({call.steps for call in batches.calls[:-1]}) <= 1
        dataset = batches.dataset.unbatch().take(steps)
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(steps))
        self._outer.fit(
            self._shared(dataset), epochs=1, shuffle=False, verbose=0, callbacks=[_AfterCall(batches, after_call)]
        )

    def test(self, dataset: Any, *, between: Between = nothing) -> TestResult:
        """Rows that only fill up a batch get the weight 0."""

        def weighted(pictures: Any, labels: Any) -> tuple[Any, Any, Any]:
            return pictures, tf.maximum(labels, 0), tf.cast(labels >= 0, tf.float32)

        logs = self._outer.evaluate(
            self._shared(dataset.unbatch().map(weighted)), verbose=0, return_dict=True, callbacks=[_Between(between)]
        )
        counted = round(float(np.asarray(self._accuracy.count)))
        right = round(float(logs[ACCURACY]) * counted)  # undo the rounding to float32
        return TestResult(float(logs["cross_entropy"]), right / counted, counted)

    def _shared(self, dataset: Any) -> Any:
        """A data set as Keras divides it among replicas; workers have their rows already, and share them out here."""
        if self._program.rows is None:
            return dataset
        strategy = self._program.strategy
        replicas = self._program.row_count * strategy.num_replicas_in_sync // self._program.batch_size

        def divided(*element: Any) -> Any:
            return tf.nest.map_structure(lambda part: tf.reshape(part, (replicas, -1, *part.shape[1:])), element)

        own = dataset.map(divided).unbatch()
        return strategy.distribute_datasets_from_function(lambda context: own)
