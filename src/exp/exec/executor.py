"""What every execution mode is: the protocol of an executor, what it executes, and what it can do."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from exp.data.dataset import Specs
from exp.exec.evaluation import Between, Evaluation, nothing
from exp.exec.named import parts
from exp.exec.own_measure import OwnMeasure
from exp.exec.own_step import OwnStep
from exp.exec.recipe import Recipe
from exp.exec.step import PLAIN
from exp.exec.traces import TraceLog
from exp.task import Task

Losses = npt.NDArray[np.float32]
"""(steps,) the loss of each step; (steps, losses) if a step of one's own gives several: the loss, and others."""


class Details(NamedTuple):
    """What a single step shows besides its loss, as arrays or tensors."""

    summaries: Mapping[str, Any]
    """What the model logs by `exp.summary`, by the keys of `exp.loggers.collect`."""
    gradients: Mapping[str, Any]
    """The gradient of each trainable variable, by its path; empty unless `Program.gradients`."""


AfterCall = Callable[[int, Losses, Details | None], bool]
"""Told after each call: the number of steps done before it, the loss of each of its steps, and, if the call is
detailed, the details of its last step. False stops."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """What is executed: a built model and its built optimizer, made in the strategy's scope."""

    model: Any
    """A `keras.Model`; `NamedModels` if several are trained."""
    optimizer: Any
    """A Keras optimizer; `NamedOptimizers` if there are several."""
    task: Task
    strategy: Any
    batch_size: int
    """Examples a step takes, over all replicas."""
    steps_per_call: int
    features: Specs
    """What the model gets of an example."""
    targets: Specs
    """What it should give for it."""
    trains: bool = True
    """Whether there will be training; else only evaluations."""
    jit_train: bool = False
    """Whether XLA compiles the training step."""
    jit_test: bool = False
    """Whether XLA compiles the evaluation step."""
    gradients: bool = False
    """Whether a detailed step gives its gradients."""
    rows: slice | None = None
    """The rows of each batch that this process is given, if several processes train together; None: all."""
    recipe: Recipe = PLAIN
    """What a training step does with its gradients."""
    own_step: OwnStep | None = None
    """The user's training step; None: the one of `exp.exec.step`."""
    measure: OwnMeasure | None = None
    """What the user measures in an evaluation; None: the task measures what the model gives."""

    @property
    def other_losses(self) -> tuple[str, ...]:
        """The names of what a step gives besides its loss; those of the user's own are known once it was traced."""
        return (*(self.own_step.names if self.own_step else ()), *self.recipe.names)

    @property
    def roots(self) -> dict[str, Any]:
        """The objects whose variables a checkpoint has, by the names that they have in it."""
        more = {"averages": self.recipe.averages, "loss_scale": self.recipe.loss_scale}
        every = {"model": self.model, "optimizer": self.optimizer, **more}
        return {name: root for name, root in every.items() if root is not None}

    @property
    def parts(self) -> list[tuple[Any, Any]]:
        """Each model with its optimizer."""
        return list(parts(self.model, self.optimizer).values())

    @property
    def first_row(self) -> int:
        """First row of the global batch that this process is given."""
        return self.rows.start if self.rows else 0

    @property
    def row_count(self) -> int:
        """Number of rows of the global batch that this process is given."""
        return self.rows.stop - self.rows.start if self.rows else self.batch_size


class Batches:
    """A planned stretch of training: the calls, the data set with an element for each, and the time spent waiting."""

    def __init__(self, calls: Sequence[Any], dataset: Any) -> None:
        self.calls = calls
        self.dataset = dataset
        self.wait_seconds = 0.0

    def __iter__(self) -> Iterator[tuple[Any, Any, Any]]:
        """Each call with its features and targets."""
        elements = iter(self.dataset)
        for call in self.calls:
            started = time.perf_counter()
            features, targets = next(elements)
            self.wait_seconds += time.perf_counter() - started
            yield call, features, targets


class Executor(Protocol):
    """A way to run steps.

    Whatever makes, saves or restores variables, `prepare` included, happens inside `scope`; training and evaluation
    happen outside of it. The class attributes tell what a mode can do; nobody has to ask for its name.
    """

    makes_graph: bool
    """Whether the step becomes a graph: it can be shown, compiled, and looked into before it runs."""
    one_step_a_call: bool
    """Whether a call holds one step, unless the configuration says otherwise."""
    calls_of_any_size: bool
    """Whether calls may hold different numbers of steps, so that a detailed step can be a call of its own."""
    shows_gradients: bool
    """Whether a detailed step shows its gradients."""
    sums_summaries: bool
    """Whether a model's own summaries of any kind come from several replicas; else only scalars do."""
    waits_visible: bool
    """Whether waiting for data happens where `Batches` can see it."""
    needs_dataset: bool
    """Whether batches have to come as a `tf.data.Dataset`; else anything with such elements will do."""
    needs_session: bool
    """Whether a `tf.compat.v1.Session` runs the steps: it needs a configuration, and an all-reduce, of its own."""
    traces: TraceLog
    """What was traced; an executor without graphs leaves it empty."""

    def scope(self) -> AbstractContextManager[Any]:
        """The context that the run's variables live in; it can be entered again and again."""

    def prepare(self, program: Program) -> None:
        """Take the program over; variables exist and are initialised afterwards."""

    def train(self, batches: Batches, after_call: AfterCall) -> None:
        """Run the calls in order, until they end or `after_call` answers False."""

    def evaluate(self, dataset: Any, *, between: Between = nothing) -> Evaluation:
        """Evaluate every example of a split exactly once.

        Args:
            dataset: as `exp.data.evaluation_dataset` makes it.
            between: see `Between`.
        """

    def computing(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """A function of tensors, such as a call of the model, as one that takes tensors and gives arrays.

        It is computed on one device, and may be called again with another number of rows.
        """

    def read(self, variables: Sequence[Any]) -> list[Any]:
        """The values of Keras variables now, as arrays or tensors."""

    def write(self, variables: Sequence[Any], values: Sequence[npt.NDArray[Any]]) -> None:
        """Assign values to Keras variables, on all replicas."""
