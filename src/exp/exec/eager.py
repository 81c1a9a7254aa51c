"""`exec=eager`: every operation runs as Python reaches it."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import numpy.typing as npt

from exp.exec.base import AfterCall, Batches, Program, TestResult, eval_batch, total, train_batch


class EagerExecutor:
    """One step a call, without a graph."""

    waits_visible = True

    def scope(self) -> AbstractContextManager[Any]:
        """Nothing to enter."""
        return nullcontext()

    def prepare(self, program: Program) -> None:
        """Keep the program."""
        self._program = program

    def train(self, batches: Batches, after_call: AfterCall) -> None:
        """Step by step."""
        for call, pictures, labels in batches:
            losses = [train_batch(self._program, pictures[i], labels[i]).numpy() for i in range(call.steps)]
            if not after_call(call.first, np.array(losses, np.float32)):
                return

    def test(self, dataset: Any) -> TestResult:
        """Batch by batch."""
        sums = []
        for pictures, labels in dataset:
            for number in range(self._program.steps_per_call):
                batch = eval_batch(self._program, pictures[number], labels[number])
                sums.append([part.numpy() for part in batch])
        return total(sums)

    def read(self, variables: Sequence[Any]) -> list[npt.NDArray[Any]]:
        """Values, as they are."""
        return [np.asarray(variable) for variable in variables]
