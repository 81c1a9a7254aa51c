"""Traces of `tf.function`: counted, timed, and explained.

from exp.exec.traces import traced

@traced
def f(x): ...

f(1); f(2)
print(f.report())
"""

import inspect
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf

from exp.terminal.words import counted

REMEDIES = {
    "value": "each Python value makes a trace of its own; pass a tensor, such as tf.constant(...)",
    "shape": "give tf.function an input_signature with None where sizes vary, or reduce_retracing=True",
    "dtype": "convert to one dtype before the call",
    "kind": "always pass a tensor",
    "structure": "always pass the same structure",
}


@dataclass(frozen=True)
class Trace:
    """One time that Python code was run to make a graph."""

    function: str
    seconds: float
    """Seconds of running the Python code; optimising or compiling the graph is not included."""
    arguments: Mapping[str, str]
    """What each was: `int32 ()` for a tensor's dtype and shape, `Python 1` for a value."""
    cause: str | None
    """What was new about the arguments; None for the function's first trace."""
    remedy: str | None

    def line(self) -> str:
        """For a person."""
        what = ", ".join(f"{name}: {text}" for name, text in self.arguments.items())
        because = f"{self.cause}; {self.remedy}" if self.cause else f"first call ({what})"
        return f"{because} [{self.seconds:.3f} s]"


@dataclass
class TraceLog:
    """The traces of a run, in order."""

    traces: list[Trace] = field(default_factory=list)
    graphs: dict[str, Any] = field(default_factory=dict)
    """The graph of the first trace of each function: kept, because TensorBoard may be shown it."""
    _seen: "weakref.WeakSet[Any]" = field(default_factory=weakref.WeakSet)
    _lock: Any = field(default_factory=threading.Lock)

    @contextmanager
    def tracing(self, function: str, arguments: Mapping[str, Any], *, once_a_graph: bool = False) -> Iterator[None]:
        """Around the Python code of a function that is being traced.

        Args:
            function: its name.
            arguments: by name, symbolic tensors or Python values, or structures of them.
            once_a_graph: further calls while the same outermost graph is made belong to the same trace, as when a
                step is called once for each replica.
        """
        graph = _outermost()
        with self._lock:
            again = once_a_graph and graph in self._seen
            self._seen.add(graph)
        started = time.perf_counter()
        yield
        if not again:
            self._note(function, _described(arguments), time.perf_counter() - started, graph)

    def of(self, function: str) -> list[Trace]:
        """The traces of one function."""
        return [trace for trace in self.traces if trace.function == function]

    def warnings(self) -> list[str]:
        """A sentence for each function that was traced more often than once."""
        lines = []
        for function in dict.fromkeys(trace.function for trace in self.traces):
            traces = self.of(function)
            if len(traces) > 1:
                seconds = sum(trace.seconds for trace in traces[1:])
                lines.append(
                    f"the {function} step was traced {len(traces)} times instead of once ({seconds:.1f} s more): "
                    f"{traces[-1].cause}; {traces[-1].remedy}"
                )
        return lines

    def facts(self) -> list[dict[str, Any]]:
        """For `results.json`."""
        return [
            {"function": trace.function, "seconds": trace.seconds, "cause": trace.cause, "remedy": trace.remedy}
            for trace in self.traces
        ]

    def _note(self, function: str, arguments: Mapping[str, str], seconds: float, graph: Any) -> None:
        with self._lock:
            self.graphs.setdefault(function, graph)
            earlier = self.of(function)
            cause = remedy = None
            if earlier:
                nearest = min(reversed(earlier), key=lambda trace: len(_differences(trace.arguments, arguments)))
                cause, remedy = _explained(_differences(nearest.arguments, arguments), nearest.arguments, arguments)
            self.traces.append(Trace(function, seconds, arguments, cause, remedy))


class Traced:
    """A `tf.function` that notes its traces."""

    def __init__(self, function: Callable[..., Any], *, name: str, log: TraceLog, **options: Any) -> None:
        """A graph function.

        Args:
            function: the Python code; AutoGraph does not convert it.
            name: of the function in the log.
            log: gets the traces.
            options: of `tf.function`.
        """
        signature = inspect.signature(function)

        def body(*arguments: Any, **named: Any) -> Any:
            with log.tracing(name, signature.bind(*arguments, **named).arguments):
                return function(*arguments, **named)

        body.__signature__ = signature  # type: ignore[attr-defined]
        body.__name__ = name
        self.name, self.log = name, log
        self._function = tf.function(body, autograph=False, **options)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Run the graph; make it first if these arguments need a new one."""
        return self._function(*arguments, **named)

    def report(self) -> str:
        """The traces so far, a line each."""
        traces = self.log.of(self.name)
        lines = [f"{self.name}: {counted(len(traces), 'trace')}"]
        return "\n".join([*lines, *(f"  {number}. {trace.line()}" for number, trace in enumerate(traces, 1))])


def traced(function: Callable[..., Any]) -> Traced:
    """Like `@tf.function`, with AutoGraph, and with a `report()` of its traces."""
    return Traced(tf.autograph.to_graph(function), name=function.__name__, log=TraceLog())


def _outermost() -> Any:
    """The outermost function graph that is being made."""
    graph = tf.compat.v1.get_default_graph()
    while getattr(getattr(graph, "outer_graph", None), "outer_graph", None) is not None:
        graph = graph.outer_graph
    return graph


def _described(arguments: Mapping[str, Any]) -> dict[str, str]:
    described = {}
    for name, argument in arguments.items():
        leaves = tf.nest.flatten(argument)
        for number, leaf in enumerate(leaves):
            described[name if len(leaves) == 1 else f"{name}[{number}]"] = _kind(leaf)
    return described


def _kind(leaf: Any) -> str:
    if isinstance(leaf, tf.Variable):
        return f"variable {leaf.dtype.name} {leaf.shape}"
    if tf.is_tensor(leaf):
        return f"{leaf.dtype.name} {leaf.shape}"
    return f"Python {str(leaf)[:40]}"


def _differences(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    return [name for name in {**before, **now} if before.get(name) != now.get(name)]


def _explained(names: list[str], before: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, str]:
    if not names:
        return "the arguments are those of an earlier call, but something else that Python sees changed", "look there"
    name = names[0]
    if name not in before or name not in now:
        return f"argument {name} is only there in some calls", REMEDIES["structure"]
    old, new = before[name], now[name]
    python = [text.startswith("Python ") for text in (old, new)]
    if all(python) or python[1]:
        return f"argument {name} is {new}, and was {old}", REMEDIES["value"]
    if any(python):
        return f"argument {name} is {new}, and was {old}", REMEDIES["kind"]
    same_type = old.split(" (")[0] == new.split(" (")[0]
    return f"argument {name} is {new}, and was {old}", REMEDIES["shape" if same_type else "dtype"]
