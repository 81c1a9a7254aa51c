"""`exec=function`: the step as a graph, by `tf.function`, many steps a call."""

from typing import Any

import tensorflow as tf

from exp.exec.calls import counts_spec, element_specs, eval_many, step_of, train_many
from exp.exec.eager_variables import EagerVariables
from exp.exec.evaluation import Between, Evaluation, each, nothing, total
from exp.exec.executor import AfterCall, Batches, Program
from exp.exec.replicas import detailed_batch
from exp.exec.traces import Traced, TraceLog


class FunctionExecutor(EagerVariables):
    """One trace for training, one for a detailed step, and one for evaluation, whatever the number of steps a call."""

    makes_graph = True
    one_step_a_call = False
    calls_of_any_size = True
    shows_gradients = True
    sums_summaries = True
    waits_visible = True
    needs_dataset = False
    needs_session = False

    def prepare(self, program: Program) -> None:
        """Define the functions; they are traced when they are first called."""
        specs, number = list(element_specs(program)), tf.TensorSpec((), tf.int32)
        self._program, self.traces = program, TraceLog()
        self._train = Traced(
            lambda features, targets, steps, first: train_many(program, features, targets, steps, first),
            name="train",
            log=self.traces,
            input_signature=[*specs, number, number],
            jit_compile=program.jit_train or None,  # None leaves the choice for each operation to TensorFlow
        )
        self._detailed = Traced(
            lambda features, targets, first: detailed_batch(program, step_of(features, 0), step_of(targets, 0), first),
            name="detailed",
            log=self.traces,
            input_signature=[*specs, number],
            jit_compile=program.jit_train or None,
        )
        self._evaluate = Traced(
            lambda features, targets, counts, call: eval_many(program, features, targets, counts, call),
            name="test",
            log=self.traces,
            input_signature=[*specs, counts_spec(program), number],
            jit_compile=program.jit_test or None,
        )

    def train(self, batches: Batches, after_call: AfterCall) -> None:
        """Call by call."""
        for call, features, targets in batches:
            first = tf.constant(call.first)
            if call.detailed:
                loss, details = self._detailed(features, targets, first)
                losses = loss[tf.newaxis]
            else:
                losses, details = self._train(features, targets, tf.constant(call.steps), first), None
            if not after_call(call.first, losses.numpy()[: call.steps], details):
                return

    def evaluate(self, dataset: Any, *, between: Between = nothing) -> Evaluation:
        """Call by call."""
        calls = enumerate(each(dataset, between))
        sums = [self._evaluate(*element, tf.constant(call)) for call, element in calls]
        return total(self._program.task, tf.nest.map_structure(lambda part: part.numpy(), sums))
