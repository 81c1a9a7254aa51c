"""`exec=function`: the step as a graph, by `tf.function`, many steps a call."""

from typing import Any

import tensorflow as tf

from exp.exec.base import (
    AfterCall,
    Batches,
    EagerVariables,
    Program,
    TestResult,
    detailed_batch,
    element_spec,
    eval_many,
    total,
    train_many,
)
from exp.exec.calls import Between, each, nothing
from exp.exec.traces import Traced, TraceLog


class FunctionExecutor(EagerVariables):
    """One trace for training, one for a detailed step, and one for testing, whatever the number of steps in a call."""

    waits_visible = True

    def prepare(self, program: Program) -> None:
        """Define the functions; they are traced when they are first called."""
        specs = list(element_spec(program))
        self.traces = TraceLog()
        self._train = Traced(
            lambda pictures, labels, steps: train_many(program, pictures, labels, steps),
            name="train",
            log=self.traces,
            input_signature=[*specs, tf.TensorSpec((), tf.int32)],
            jit_compile=program.jit_train or None,  # None leaves the choice for each operation to TensorFlow
        )
        self._detailed = Traced(
            lambda pictures, labels: detailed_batch(program, pictures[0], labels[0]),
            name="detailed",
            log=self.traces,
            input_signature=specs,
            jit_compile=program.jit_train or None,
        )
        self._test = Traced(
            lambda pictures, labels: eval_many(program, pictures, labels),
            name="test",
            log=self.traces,
            input_signature=specs,
            jit_compile=program.jit_test or None,
        )

    def train(self, batches: Batches, after_call: AfterCall) -> None:
        """Call by call."""
        for call, pictures, labels in batches:
            if call.detailed:
                loss, details = self._detailed(pictures, labels)
                losses = tf.reshape(loss, [1])
            else:
                losses, details = self._train(pictures, labels, tf.constant(call.steps)), None
            if not after_call(call.first, losses.numpy()[: call.steps], details):
                return

    def test(self, dataset: Any, *, between: Between = nothing) -> TestResult:
        """Call by call."""
        return total([[part.numpy() for part in self._test(*element)] for element in each(dataset, between)])
