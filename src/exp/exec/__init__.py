"""How a step is executed: `eager`, `function`, `session`, `fit`, all behind one protocol."""

from typing import Any

from exp.exec.evaluation import Evaluation
from exp.exec.executor import AfterCall, Batches, Executor, Program

__all__ = ["AfterCall", "Batches", "Evaluation", "Executor", "Program", "executor_class", "make_executor"]


def executor_class(name: str) -> type[Executor]:
    """The class of a mode, whose attributes tell what the mode can do. Only the module of that mode is imported."""
    if name == "eager":
        from exp.exec.eager import EagerExecutor

        return EagerExecutor
    if name == "function":
        from exp.exec.function import FunctionExecutor

        return FunctionExecutor
    if name == "session":
        from exp.exec.session import SessionExecutor

        return SessionExecutor
    from exp.exec.fit import FitExecutor

    return FitExecutor


def make_executor(name: str, *, session_config: Any) -> Executor:
    """The executor of a mode.

    Args:
        name: of the mode.
        session_config: a `tf.compat.v1.ConfigProto`, for a mode that `needs_session`.
    """
    from exp.exec import ordered_sums

    ordered_sums.install()
    kind: Any = executor_class(name)
    made: Executor = kind(config=session_config) if kind.needs_session else kind()
    return made
