"""What is done between two calls of a test."""

from collections.abc import Callable, Iterator
from typing import Any

Between = Callable[[], None]
"""Called before each call; what it raises ends the test."""


def nothing() -> None:
    """Does nothing."""


def each(dataset: Any, between: Between) -> Iterator[Any]:
    """The elements of a data set, with something done before each."""
    for element in dataset:
        between()
        yield element
