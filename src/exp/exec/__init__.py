"""How a step is executed: `eager`, `function`, `session`, `fit`, all behind one protocol."""

from typing import Any

from exp.exec.base import AfterCall, Batches, Executor, Program, TestResult

__all__ = ["AfterCall", "Batches", "Executor", "Program", "TestResult", "make_executor"]


def make_executor(name: str, *, session_config: Any) -> Executor:
    """The executor of a mode. A mode's module is imported only if it is the one."""
    if name == "eager":
        from exp.exec.eager import EagerExecutor

        return EagerExecutor()
    if name == "function":
        from exp.exec.function import FunctionExecutor

        return FunctionExecutor()
    if name == "session":
        from exp.exec.session import SessionExecutor

        return SessionExecutor(config=session_config)
    from exp.exec.fit import FitExecutor

    return FitExecutor()
