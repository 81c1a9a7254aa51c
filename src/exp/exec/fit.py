"""`exec=fit`: Keras's own `compile`, `fit` and `evaluate`, with Keras's own training step and loss.

What is ours here: the data set, and a metric that notes the loss of every single step, because Keras itself reports
running means only. See docs/adr/0004-fit-is-keras.md.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from exp.data.dataset import Spec, Specs
from exp.exec import step
from exp.exec.eager_variables import EagerVariables
from exp.exec.evaluation import Between, Evaluation, nothing
from exp.exec.executor import AfterCall, Batches, Details, Program
from exp.exec.observed_model import OWN, AcrossWorkers, Observed, StepLosses
from exp.exec.traces import TraceLog


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
    """Something that is done at each call of an evaluation."""

    def __init__(self, between: Between) -> None:
        super().__init__()
        self._between = between

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Runs once for every `steps_per_execution` steps."""
        self._between()


class FitExecutor(EagerVariables):
    """Keras trains an outer model that scales pixels and then calls ours.

    The outer model is what gets compiled, so that ours holds no metrics or loss trackers and its checkpoints are
    those of every other mode.
    """

    makes_graph = True
    one_step_a_call = True
    calls_of_any_size = False  # Keras's calls all have one size, and its callbacks get the figures of the last step
    shows_gradients = False
    sums_summaries = False
    waits_visible = False
    needs_dataset = True
    needs_session = False

    def prepare(self, program: Program) -> None:
        """Wrap and compile."""
        self._program, self.traces = program, TraceLog()
        with program.strategy.scope():
            inputs = _inputs(program.features)
            outputs = tf.nest.map_structure(_as_float32, program.model(tf.nest.map_structure(_scaled, inputs)))
            if program.rows is None:
                self._outer = Observed(inputs, outputs, traces=self.traces)
            else:
                batch = tf.nest.map_structure(_batch_spec, (program.features, program.targets))
                self._outer = AcrossWorkers(inputs, outputs, traces=self.traces, batch=batch)
            self._keras = program.task.keras_form()
            self._outer.compile(
                optimizer=program.optimizer,
                loss=self._keras.loss,
                metrics=[StepLosses(program)],
                weighted_metrics=[*self._keras.metrics.values(), self._keras.mean_loss],
                steps_per_execution=program.steps_per_call,
                jit_compile=program.jit_train,
            )

    def train(self, batches: Batches, after_call: AfterCall) -> None:
        """One Keras epoch over all steps that are left: the data set itself goes from epoch to epoch."""
        steps = sum(call.steps for call in batches.calls)
        # Keras counts its calls from the start; only the last one may be shorter.
        assert len({call.steps for call in batches.calls[:-1]}) <= 1
        dataset = batches.dataset.unbatch().take(steps)
        if not tf.nest.flatten(self._program.targets):
            dataset = dataset.map(lambda features, targets: (features, step.wanted(features, targets)))
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(steps))
        self._outer.fit(
            self._shared(dataset), epochs=1, shuffle=False, verbose=0, callbacks=[_AfterCall(batches, after_call)]
        )

    def evaluate(self, dataset: Any, *, between: Between = nothing) -> Evaluation:
        """Rows that only fill up a batch get the weight 0."""

        def weighted(features: Any, targets: Any, counts: Any) -> tuple[Any, Any, Any]:
            return features, step.wanted(features, targets), tf.cast(counts, tf.float32)

        logs = self._outer.evaluate(
            self._shared(dataset.unbatch().map(weighted)), verbose=0, return_dict=True, callbacks=[_Between(between)]
        )
        count = round(float(np.asarray(self._keras.mean_loss.count)))
        metrics = {
            name: metric.value_from_keras(float(logs[self._keras.metrics[name].name]), count)
            for name, metric in self._program.task.metrics.items()
        }
        return Evaluation(float(logs[self._keras.mean_loss.name]), metrics, count)

    def _shared(self, dataset: Any) -> Any:
        """A data set as Keras divides it among replicas; workers have their own rows already, and divide them here."""
        if self._program.rows is None:
            return dataset
        strategy = self._program.strategy
        replicas = self._program.row_count * strategy.num_replicas_in_sync // self._program.batch_size

        def divided(*element: Any) -> Any:
            return tf.nest.map_structure(lambda part: tf.reshape(part, (replicas, -1, *part.shape[1:])), element)

        own = dataset.map(divided).unbatch()
        return strategy.distribute_datasets_from_function(lambda context: own)


def _inputs(features: Specs) -> Any:
    """Keras's inputs for features; those of a dict must be named as its keys."""
    if isinstance(features, dict):
        return {name: keras.Input(spec.shape, dtype=spec.dtype, name=name) for name, spec in features.items()}
    return tf.nest.map_structure(lambda spec: keras.Input(spec.shape, dtype=spec.dtype), features)


def _scaled(pixels: Any) -> Any:
    """What `step.scaled` does to one tensor, as a layer of Keras."""
    return keras.layers.Rescaling(step.SCALE, dtype="float32")(pixels) if pixels.dtype == "uint8" else pixels


def _as_float32(output: Any) -> Any:
    """What `step.as_float32` does to one tensor, as a layer of Keras."""
    is_half = output.dtype in ("bfloat16", "float16")
    return keras.layers.Activation("linear", dtype="float32")(output) if is_half else output


def _batch_spec(spec: Spec) -> Any:
    return tf.TensorSpec((None, *spec.shape), tf.as_dtype(spec.dtype))
