"""`exec=eager`: every operation runs as Python reaches it."""

from typing import Any

import numpy as np

from exp.exec.base import (
    AfterCall,
    Batches,
    EagerVariables,
    Program,
    TestResult,
    detailed_batch,
    eval_batch,
    total,
    train_batch,
)
from exp.exec.calls import Between, each, nothing
from exp.exec.traces import TraceLog


class EagerExecutor(EagerVariables):
    """One step a call, without a graph."""

    waits_visible = True

    def prepare(self, program: Program) -> None:
        """Keep the program."""
        self._program, self.traces = program, TraceLog()

    def train(self, batches: Batches, after_call: AfterCall) -> None:
        """Step by step."""
        for call, pictures, labels in batches:
            if call.detailed:
                loss, details = detailed_batch(self._program, pictures[0], labels[0])
                losses = [loss.numpy()]
            else:
                losses = [train_batch(self._program, pictures[i], labels[i]).numpy() for i in range(call.steps)]
                details = None
            if not after_call(call.first, np.array(losses, np.float32), details):
                return

    def test(self, dataset: Any, *, between: Between = nothing) -> TestResult:
        """Batch by batch."""
        sums = []
        for pictures, labels in each(dataset, between):
            for number in range(self._program.steps_per_call):
                batch = eval_batch(self._program, pictures[number], labels[number])
                sums.append([part.numpy() for part in batch])
        return total(sums)
