"""A model with the averages of its weights in their places, for as long as it is evaluated or shown."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from exp.run.components import Components


@contextmanager
def averaged(components: Components) -> Iterator[None]:
    """Give the model its averages, if it has some, and its own weights back afterwards, bit for bit."""
    averages = components.program.recipe.averages
    if averages is None:
        yield
        return
    own = _read(components, averages.of)
    take_averages(components)
    try:
        yield
    finally:
        _write(components, averages.of, own)


def take_averages(components: Components) -> None:
    """Give the model its averages for good, if it has some."""
    averages = components.program.recipe.averages
    if averages is not None:
        _write(components, averages.of, _read(components, averages.values))


def begin_averages(components: Components) -> None:
    """Let the averages, if there are some, be the weights that the model has now."""
    averages = components.program.recipe.averages
    if averages is not None:
        _write(components, averages.values, _read(components, averages.of))


def _read(components: Components, variables: Any) -> list[Any]:
    with components.executor.scope():
        return [np.array(value) for value in components.executor.read(variables)]


def _write(components: Components, variables: Any, values: list[Any]) -> None:
    with components.executor.scope():
        components.executor.write(variables, values)
