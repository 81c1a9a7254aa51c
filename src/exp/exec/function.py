"""`exec=function`: the step as a graph, by `tf.function`, many steps a call."""

from typing import Any

import tensorflow as tf

from exp.exec.base import (
    AfterCall,
    Batches,
    EagerVariables,
    Program,
    TestResult,
    element_spec,
    eval_many,
    total,
    train_many,
)


class FunctionExecutor(EagerVariables):
    """One trace for training and one for testing, whatever the number of steps in a call."""

    waits_visible = True

    def prepare(self, program: Program) -> None:
        """Define the functions; they are traced when they are first called."""
        specs = element_spec(program)
        self._train = tf.function(
            lambda pictures, labels, steps: train_many(program, pictures, labels, steps),
            input_signature=[*specs, tf.TensorSpec((), tf.int32)],
            jit_compile=program.jit_train or None,  # None leaves the choice for each operation to TensorFlow
            autograph=False,
        )
        self._test = tf.function(
            lambda pictures, labels: eval_many(program, pictures, labels),
            input_signature=list(specs),
            jit_compile=program.jit_test or None,
            autograph=False,
        )

    def train(self, batches: Batches, after_call: AfterCall) -> None:
        """Call by call."""
        for call, pictures, labels in batches:
            losses = self._train(pictures, labels, tf.constant(call.steps))
            if not after_call(call.first, losses.numpy()[: call.steps]):
                return

    def test(self, dataset: Any) -> TestResult:
        """Call by call."""
        return total([[part.numpy() for part in self._test(*element)] for element in dataset])
