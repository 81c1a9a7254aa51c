"""`==` and `!=` between tensors in a private graph: elementwise, as everywhere else in TensorFlow 2.

Inside a function that is traced while a `tf.Graph` of one's own is the default one, TensorFlow 2.21 falls back to the
rule of TensorFlow 1: two tensors are equal if they are the same Python object. So `step % 4 == 0` is Python's False
there, without a word: an optimizer that accumulates gradients never updates, a layer never takes its other branch.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf


@contextmanager
def elementwise_equality() -> Iterator[None]:
    """While entered, `==` and `!=` of tensors and variables in a function's graph compare elements.

    Whatever is not in such a graph (eager tensors of other threads, the private graph itself) compares as before.
    """
    replaced: list[tuple[Any, str, Any]] = []
    for kind in (tf.Tensor, tf.Variable):
        for name, operation in (("__eq__", tf.math.equal), ("__ne__", tf.math.not_equal)):
            before = getattr(kind, name)
            replaced.append((kind, name, before))
            setattr(kind, name, _comparison(before, operation))
    try:
        yield
    finally:
        for kind, name, before in reversed(replaced):
            setattr(kind, name, before)


def _comparison(before: Callable[[Any, Any], Any], operation: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def compare(self: Any, other: Any) -> Any:
        graph = None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()
        if other is None or not getattr(graph, "building_function", False):
            return before(self, other)
        return operation(self, other)

    return compare
