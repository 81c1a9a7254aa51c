"""What is in a network, found out by tracing it once, before anything runs."""

from typing import Any, NamedTuple

import tensorflow as tf

from exp import figures, step
from exp.data import Transforms


class Probe(NamedTuple):
    """A network, as far as one trace in training shows it."""

    operations: frozenset[str]
    """The kinds of operations in it; in a training loop of Python these do not matter, and are not looked for."""
    figures: tuple[str, ...]
    """Keys of what it logs by `exp.figures`."""


def probe(mode: str, model: Any, transforms: Transforms) -> Probe:
    """Look into a built network. To be called in the executor's scope.

    Args:
        mode: the execution mode; in `eager` nothing needs to be known ahead, and a network may be more than a graph.
        model: it is traced, and not run.
        transforms: what it gets.
    """
    if mode == "eager":
        return Probe(frozenset(), ())
    found: list[str] = []

    def forward(pictures: Any) -> Any:
        with figures.collected() as own:
            outputs = [model(step.scaled(pictures), training=True), *model.losses]
        found.extend(own)
        return outputs, own

    pictures = tf.TensorSpec((None, *transforms.input_shape), tf.as_dtype(transforms.pixel_type))
    graph = tf.function(forward, autograph=False).get_concrete_function(pictures).graph.as_graph_def()
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    return Probe(frozenset(node.op for node in nodes), tuple(found))
