"""`exec=session`: a private graph run by a `tf.compat.v1.Session`, with placeholders and a `feed_dict`."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from exp.exec.averages import tensorflow_variable
from exp.exec.calls import counts_spec, element_specs, eval_many, step_of, train_many
from exp.exec.equality import elementwise_equality
from exp.exec.evaluation import Between, Evaluation, each, nothing, total
from exp.exec.executor import AfterCall, Batches, Details, Program
from exp.exec.replicas import detailed_batch
from exp.exec.traces import Traced, TraceLog

v1 = tf.compat.v1


class SessionExecutor:
    """A graph of its own, and a session that lives as long as the executor.

    Outside of `scope` TensorFlow stays eager, so that data sets are read as in every other mode.
    """

    makes_graph = True
    one_step_a_call = False
    calls_of_any_size = True
    shows_gradients = True
    sums_summaries = True
    waits_visible = True
    needs_dataset = False
    needs_session = True

    def __init__(self, *, config: Any) -> None:
        self._graph = tf.Graph()
        self._session = v1.Session(graph=self._graph, config=config)
        self._detailed: tuple[Any, Details] | None = None
        self.traces = TraceLog()

    def scope(self) -> AbstractContextManager[Any]:
        """The private graph, with its session as the default one: saving and restoring need it too."""
        return self._scope()

    @contextmanager
    def _scope(self) -> Iterator[None]:
        with self._graph.as_default(), self._session.as_default(), elementwise_equality():
            yield

    def prepare(self, program: Program) -> None:
        """Make placeholders, build the graphs on them, and initialise the variables.

        The steps are wrapped in `tf.function` here too: inside a plain graph, fetching the loss would run neither the
        optimizer's updates nor anything else that the loss does not depend on.
        """
        self._program = program
        self._inputs = tf.nest.map_structure(_placeholder, element_specs(program))
        self._steps, self._first = (v1.placeholder(tf.int32, (), name) for name in ("steps", "first"))
        train = Traced(
            lambda features, targets, steps, first: train_many(program, features, targets, steps, first),
            name="train",
            log=self.traces,
            jit_compile=program.jit_train or None,
        )
        evaluate = Traced(
            lambda features, targets, counts, call: eval_many(program, features, targets, counts, call),
            name="test",
            log=self.traces,
            jit_compile=program.jit_test or None,
        )
        self._losses = train(*self._inputs, self._steps, self._first) if program.trains else None
        self._counts = _placeholder(counts_spec(program))
        self._sums = evaluate(*self._inputs, self._counts, self._first)
        made_later = self._assignments()
        self._session.run(v1.global_variables_initializer())
        for assignment in made_later:
            self._session.run(assignment)

    def _assignments(self) -> list[Any]:
        """Operations for what model and optimizer assigned while they were built, in order: a graph only notes it.

        The first operation that assigns to a variable is its initialiser.
        """
        seen: set[str] = set()
        later = []
        for operation in self._graph.get_operations():
            if operation.type.startswith("Assign") and operation.inputs[0].dtype == tf.resource:
                (later.append(operation) if operation.inputs[0].name in seen else seen.add(operation.inputs[0].name))
        return later

    def train(self, batches: Batches, after_call: AfterCall) -> None:
        """Call by call."""
        for call, *element in batches:
            feed = {**_feed(self._inputs, tuple(element)), self._first: call.first}
            if call.detailed:
                loss, details = self._session.run(self._detailed_step(), feed_dict=feed)
                losses = loss[np.newaxis]
            else:
                losses = self._session.run(self._losses, feed_dict={**feed, self._steps: call.steps})
                details = None
            if not after_call(call.first, losses[: call.steps], details):
                return

    def evaluate(self, dataset: Any, *, between: Between = nothing) -> Evaluation:
        """Call by call."""
        inputs = (*self._inputs, self._counts)
        sums = [
            self._session.run(self._sums, feed_dict={**_feed(inputs, element), self._first: call})
            for call, element in enumerate(each(dataset, between))
        ]
        return total(self._program.task, sums)

    def computing(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, by a graph that is built the first time."""
        built: list[tuple[Any, Any]] = []

        def compute(*tensors: Any) -> Any:
            if not built:
                with self.scope():
                    taken = tf.nest.map_structure(
                        lambda tensor: v1.placeholder(tensor.dtype, (None, *tensor.shape[1:]), "taken"), tensors
                    )
                    built.append((taken, tf.function(function, autograph=False)(*taken)))
            taken, given = built[0]
            return self._session.run(given, feed_dict=_feed(taken, tensors))

        return compute

    def read(self, variables: Sequence[Any]) -> list[Any]:
        """Fetch the values from the session."""
        return list(self._session.run([tensorflow_variable(variable) for variable in variables]))

    def write(self, variables: Sequence[Any], values: Sequence[npt.NDArray[Any]]) -> None:
        """Assign through the variables' own initialisers, replica by replica, so that the graph does not grow."""
        initialisers, feed = [], {}
        for variable, value in zip(variables, values, strict=True):
            for replica in self._program.strategy.experimental_local_results(tensorflow_variable(variable)):
                initialisers.append(replica.initializer)
                feed[replica.initializer.inputs[1]] = value
        self._session.run(initialisers, feed_dict=feed)

    def _detailed_step(self) -> tuple[Any, Details]:
        """The tensors that a detailed step fetches, from a graph that is built the first time."""
        if self._detailed is None:
            program = self._program
            detailed = Traced(
                lambda features, targets, first: detailed_batch(
                    program, step_of(features, 0), step_of(targets, 0), first
                ),
                name="detailed",
                log=self.traces,
                jit_compile=program.jit_train or None,
            )
            with self.scope():
                self._detailed = detailed(*self._inputs, self._first)
        return self._detailed


def _placeholder(spec: Any) -> Any:
    return v1.placeholder(spec.dtype, spec.shape, spec.name)


def _feed(placeholders: Any, tensors: Any) -> dict[Any, Any]:
    """What a session is fed: an array for each placeholder of a structure."""
    arrays = [np.asarray(tensor) for tensor in tf.nest.flatten(tensors)]
    return dict(zip(tf.nest.flatten(placeholders), arrays, strict=True))
