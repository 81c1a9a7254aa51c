"""`hooks`: functions of the user's that are called every so many steps, in every mode. No TensorFlow at import."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from exp.loggers.collect import is_taken
from exp.loggers.logger import Logger
from exp.run.context import RunContext
from exp.system.own_code import told

if TYPE_CHECKING:
    from exp.exec.own_function import OwnFunction


class Hook(Protocol):
    """What the training loop calls."""

    every: int

    def __call__(self, step: int, metrics: Mapping[str, float]) -> None:
        """Call it after a step.

        Args:
            step: the number of steps done.
            metrics: the latest figures, such as `train/loss`.
        """


class HookError(Exception):
    """A hook failed; the message has its name, and the error is its cause."""


class Log:
    """Where a hook logs: TensorBoard, and `metrics.jsonl` for numbers."""

    def __init__(self, logger: Logger, step: int) -> None:
        self._logger, self._step = logger, step

    def scalar(self, name: str, value: float) -> None:
        """A number."""
        self._keep("scalar", name, np.asarray(value, np.float32).reshape(()))

    def text(self, name: str, words: str) -> None:
        """A text, which TensorBoard reads as Markdown."""
        self._keep("text", name, np.asarray(words.encode(), object))

    def image(self, name: str, pictures: Any) -> None:
        """(n, height, width, 1 or 3) pictures: uint8, or floats from 0 to 1."""
        pictures = np.asarray(pictures)
        if pictures.dtype != np.uint8:
            pictures = (np.clip(pictures, 0, 1) * 255 + 0.5).astype(np.uint8)
        self._keep("image", name, pictures)

    def histogram(self, name: str, values: Any) -> None:
        """The distribution of numbers of any shape."""
        self._keep("histogram", name, np.asarray(values, np.float32).reshape(-1))

    def _keep(self, kind: str, name: str, value: Any) -> None:
        if is_taken(name):
            raise ValueError(f"log.{kind}({name!r}): is the name of another figure of every run; take one of your own")
        self._logger.summaries(self._step, {f"{kind}/{name}": value})


class OwnHook:
    """A function of the user's as a hook."""

    def __init__(self, function: "OwnFunction", *, every: int, run: RunContext) -> None:
        """Take a function.

        Args:
            function: of the user's.
            every: the number of steps from one call to the next.
            run: whose model and log it is given.
        """
        import tensorflow as tf

        from exp.exec.step import called

        self.every, self._function, self._logger = every, function, run.logger
        executor, model = run.components.executor, run.components.program.model
        given = tf.function(called(model), autograph=False) if executor.makes_graph else called(model)
        self._known = {"model": model, "predict": executor.computing(given), "compute": executor.computing}

    def __call__(self, step: int, metrics: Mapping[str, float]) -> None:
        """Call the function.

        Raises:
            HookError: it failed.
        """
        try:
            self._function(step=step, metrics=dict(metrics), log=Log(self._logger, step), **self._known)
        except Exception as error:
            raise HookError(f"{self._function.key}: {told(error)}") from error


def own_hooks(run: RunContext) -> list[OwnHook]:
    """The hooks of a run; none in a process that writes nothing."""
    if not run.writes:
        return []
    asked = zip(run.config.hooks, run.components.hooks, strict=True)
    return [OwnHook(function, every=hook.every, run=run) for hook, function in asked]
