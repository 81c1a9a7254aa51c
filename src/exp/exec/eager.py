"""`exec=eager`: every operation runs as Python reaches it."""

from typing import Any

import numpy as np
import tensorflow as tf

from exp.exec.calls import step_of
from exp.exec.eager_variables import EagerVariables
from exp.exec.evaluation import Between, Evaluation, each, nothing, total
from exp.exec.executor import AfterCall, Batches, Program
from exp.exec.replicas import detailed_batch, eval_batch, train_batch
from exp.exec.traces import TraceLog


class EagerExecutor(EagerVariables):
    """One step a call, without a graph."""

    makes_graph = False
    one_step_a_call = True
    calls_of_any_size = True
    shows_gradients = True
    sums_summaries = True
    waits_visible = True
    needs_dataset = False
    needs_session = False

    def prepare(self, program: Program) -> None:
        """Keep the program."""
        self._program, self.traces = program, TraceLog()

    def train(self, batches: Batches, after_call: AfterCall) -> None:
        """Step by step."""
        for call, features, targets in batches:
            if call.detailed:
                first = step_of(features, 0), step_of(targets, 0)
                loss, details = detailed_batch(self._program, *first, tf.constant(call.first))
                losses = [loss.numpy()]
            else:
                steps = [(step_of(features, number), step_of(targets, number)) for number in range(call.steps)]
                losses = [
                    train_batch(self._program, *batch, tf.constant(number)).numpy()
                    for number, batch in enumerate(steps, call.first)
                ]
                details = None
            if not after_call(call.first, np.array(losses, np.float32), details):
                return

    def evaluate(self, dataset: Any, *, between: Between = nothing) -> Evaluation:
        """Batch by batch."""
        sums = []
        size = self._program.steps_per_call
        for call, element in enumerate(each(dataset, between)):
            for number in range(size):
                x, y, counts = step_of(element, number)
                batch = eval_batch(self._program, x, y, counts, tf.constant(call * size + number))
                sums.append(tf.nest.map_structure(lambda part: part.numpy(), batch))
        return total(self._program.task, sums)
