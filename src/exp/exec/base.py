"""What every execution mode is, and what they share: the step over all replicas, and many steps in one graph."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from exp.checkpoint import EagerAccess
from exp.exec import step
from exp.exec.calls import Between, nothing
from exp.exec.traces import TraceLog
from exp.loggers import collect

Losses = npt.NDArray[np.float32]


class Details(NamedTuple):
    """What a single step shows besides its loss, as arrays or tensors."""

    figures: Mapping[str, Any]
    """Of the model's own, as `exp.loggers.collect` collects them."""
    gradients: Mapping[str, Any]
    """Of each trainable variable, by its path; empty unless `Program.gradients`."""


AfterCall = Callable[[int, Losses, Details | None], bool]
"""Told after each call: the number of steps done before it, the loss of each of its steps, and of a detailed call the
details of its last step. False stops."""


@dataclass(frozen=True)
class Program:
    """What is executed: a built model and its built optimizer, made in the strategy's scope."""

    model: Any
    optimizer: Any
    strategy: Any
    batch_size: int
    """Examples a step takes, over all replicas."""
    steps_per_call: int
    input_shape: tuple[int, ...]
    pixel_type: str
    jit_train: bool = False
    """Whether XLA compiles the training step."""
    jit_test: bool = False
    """Whether it compiles the evaluation step."""
    gradients: bool = False
    """Whether a detailed step gives its gradients."""
    rows: slice | None = None
    """Of each batch, those that this process is given, where several train together; None: all."""

    @property
    def first_row(self) -> int:
        """Of each batch, in this process."""
        return self.rows.start if self.rows else 0

    @property
    def row_count(self) -> int:
        """Of each batch, in this process."""
        return self.rows.stop - self.rows.start if self.rows else self.batch_size


class TestResult(NamedTuple):
    """The figures of a test."""

    loss: float
    accuracy: float
    examples: int


class Batches:
    """A planned stretch of training: the calls, the data set with an element for each, and the time spent waiting."""

    def __init__(self, calls: Sequence[Any], dataset: Any) -> None:
        self.calls = calls
        self.dataset = dataset
        self.wait_seconds = 0.0

    def __iter__(self) -> Iterator[tuple[Any, Any, Any]]:
        """Each call with its pictures and labels."""
        elements = iter(self.dataset)
        for call in self.calls:
            started = time.perf_counter()
            pictures, labels = next(elements)
            self.wait_seconds += time.perf_counter() - started
            yield call, pictures, labels


class Executor(Protocol):
    """A way to run steps.

    Whatever makes, saves or restores variables, `prepare` included, happens inside `scope`; training and testing
    happen outside of it.
    """

    waits_visible: bool
    """Whether waiting for data happens where `Batches` can see it."""
    traces: TraceLog
    """What was traced; an executor without graphs leaves it empty."""

    def scope(self) -> AbstractContextManager[Any]:
        """The context that the run's variables live in; it can be entered again and again."""

    def prepare(self, program: Program) -> None:
        """Take the program over; variables exist and are initialised afterwards."""

    def train(self, batches: Batches, after_call: AfterCall) -> None:
        """Run the calls in order, until they end or `after_call` answers False."""

    def test(self, dataset: Any, *, between: Between = nothing) -> TestResult:
        """Evaluate every example of a test data set exactly once.

        Args:
            dataset: as `exp.data.test_dataset` makes it.
            between: see `Between`.
        """

    def predict(self, model: Any, pictures: Any) -> npt.NDArray[Any]:
        """The (n, classes) logits that the model gives for n pictures."""

    def read(self, variables: Sequence[Any]) -> list[Any]:
        """The values of Keras variables now, as arrays or tensors."""

    def write(self, variables: Sequence[Any], values: Sequence[npt.NDArray[Any]]) -> None:
        """Assign values to Keras variables, on all replicas."""


class EagerVariables(EagerAccess):
    """Variables that live in TensorFlow's eager world: the scope is empty, and values are at hand."""

    def scope(self) -> AbstractContextManager[Any]:
        """Nothing to enter."""
        return nullcontext()

    def predict(self, model: Any, pictures: Any) -> npt.NDArray[Any]:
        """Logits, on one device."""
        return np.asarray(model(step.scaled(pictures), training=False))


def replica_rows(batch_size: int, replicas: int, replica: int) -> slice:
    """The part of a batch that a replica takes: as even as can be, in order, none left out."""
    return slice(replica * batch_size // replicas, (replica + 1) * batch_size // replicas)


def _on_replicas(program: Program, function: Callable[[Any, Any], Any], pictures: Any, labels: Any) -> Any:
    """Run a function on each replica's part of a batch; what it returns, replica by replica."""
    replicas = program.strategy.num_replicas_in_sync

    def on_replica(pictures: Any, labels: Any) -> Any:
        if replicas > 1:
            replica = tf.get_static_value(tf.distribute.get_replica_context().replica_id_in_sync_group)
            rows = replica_rows(program.batch_size, replicas, int(replica))
            here = slice(rows.start - program.first_row, rows.stop - program.first_row)
            pictures, labels = pictures[here], labels[here]
        return function(pictures, labels)

    return program.strategy.run(on_replica, args=(pictures, labels))


def _summed(program: Program, results: Any) -> Any:
    """The sums over the replicas."""
    return tf.nest.map_structure(lambda part: program.strategy.reduce("SUM", part, axis=None), results)


def train_batch(program: Program, pictures: Any, labels: Any) -> Any:
    """One training step over all replicas; returns the mean loss of the batch."""

    def update(x: Any, y: Any) -> Any:
        return step.train_step(program.model, program.optimizer, x, y, program.batch_size).loss

    return _summed(program, _on_replicas(program, update, pictures, labels))


def detailed_batch(program: Program, pictures: Any, labels: Any) -> tuple[Any, Details]:
    """The same step, and its details."""
    paths = [variable.path for variable in program.model.trainable_variables]

    def update(x: Any, y: Any) -> Any:
        with collect.collected() as found:
            done = step.train_step(program.model, program.optimizer, x, y, program.batch_size)
        share = x.shape[0] / program.batch_size  # so that the sum over replicas is the mean over the batch
        scalars = {key: value * share for key, value in found.items() if collect.kind_of(key) == "scalar"}
        others = {key: value for key, value in found.items() if key not in scalars}
        wanted = zip(paths, done.gradients, strict=True) if program.gradients else ()
        gradients = {path: tf.convert_to_tensor(gradient) for path, gradient in wanted if gradient is not None}
        return (done.loss, scalars, gradients), others

    results, others = _on_replicas(program, update, pictures, labels)
    loss, scalars, gradients = _summed(program, results)
    first = {key: program.strategy.experimental_local_results(value)[0] for key, value in others.items()}
    return loss, Details({**scalars, **first}, gradients)


def eval_batch(program: Program, pictures: Any, labels: Any) -> step.Sums:
    """One evaluation step over all replicas; returns the sums of the batch."""

    def evaluate(x: Any, y: Any) -> Any:
        return step.eval_step(program.model, x, y)

    return step.Sums(*_summed(program, _on_replicas(program, evaluate, pictures, labels)))


def train_many(program: Program, pictures: Any, labels: Any, steps: Any) -> Any:
    """Many training steps as one graph loop.

    Args:
        program: what is executed.
        pictures: (steps_per_call, rows, ...), where `rows` are those of the batch that this process is given.
        labels: (steps_per_call, rows).
        steps: how many of the rows to take, a scalar int32 tensor. The shapes stay the same whatever it is, so that
            a shorter last call neither retraces nor recompiles.

    Returns:
        (steps_per_call,) float32: the loss of each step, 0 for the rows not taken.
    """
    losses = tf.TensorArray(tf.float32, size=program.steps_per_call, element_shape=())

    def body(number: Any, losses: Any) -> tuple[Any, Any]:
        return number + 1, losses.write(number, train_batch(program, pictures[number], labels[number]))

    _, losses = tf.while_loop(lambda number, _: number < steps, body, (tf.constant(0), losses))
    return losses.stack()


def eval_many(program: Program, pictures: Any, labels: Any) -> step.Sums:
    """The sums of each of a call's batches: (steps_per_call,) each."""
    size = program.steps_per_call
    kinds = (tf.float32, tf.int32, tf.int32)
    arrays = tuple(tf.TensorArray(kind, size=size, element_shape=()) for kind in kinds)

    def body(number: Any, arrays: Any) -> tuple[Any, Any]:
        sums = eval_batch(program, pictures[number], labels[number])
        return number + 1, tuple(array.write(number, part) for array, part in zip(arrays, sums, strict=True))

    _, arrays = tf.while_loop(lambda number, _: number < size, body, (tf.constant(0), arrays))
    return step.Sums(*(array.stack() for array in arrays))


def element_spec(program: Program) -> tuple[Any, Any]:
    """The shapes and types of the pictures and labels that a call takes."""
    shape = (program.steps_per_call, program.row_count)
    pictures = tf.TensorSpec((*shape, *program.input_shape), tf.as_dtype(program.pixel_type), name="pictures")
    return pictures, tf.TensorSpec(shape, tf.int32, name="labels")


def total(sums: Sequence[Sequence[npt.NDArray[Any]]]) -> TestResult:
    """The test's figures from the sums of all batches, added up in double precision and in whole numbers."""
    loss, correct, examples = (np.concatenate([np.ravel(part) for part in parts]) for parts in zip(*sums, strict=True))
    count = int(examples.sum())
    return TestResult(float(loss.astype(np.float64).sum()) / count, int(correct.sum()) / count, count)
