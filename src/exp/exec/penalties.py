"""`Model.losses` on several replicas: what the layers' regularizers and `add_loss` add, kept apart for each of them.

Replicas are traced, or run eagerly, in threads that take turns wherever variables of all of them are updated. If that
happens within a network's call (batch normalization does it), Keras 3.15 finds the penalties of all replicas in the one
list that a layer has, and each replica counts those of the others, too.
"""

import threading
from typing import Any

import keras

from exp.checkpoint.variables import walk


class _OfThread:
    """Stands for a layer's list of losses; each thread has its own.

    Not by `threading.local`: what that holds dies with its thread, and TensorFlow 2.21 makes threads for each eager
    step, which then took 0.3 s to end.
    """

    def __init__(self) -> None:
        self._lists: dict[int, list[Any]] = {}

    def _own(self) -> list[Any]:
        return self._lists.setdefault(threading.get_ident(), [])

    def extend(self, losses: Any) -> None:
        """Add losses to the list of this thread."""
        self._own().extend(losses)

    def clear(self) -> None:
        """Empty the list of this thread."""
        self._own().clear()

    def __getitem__(self, which: Any) -> Any:
        return self._own()[which]


def keep_penalties_apart(model: Any) -> None:
    """Give every layer of a built model a list of losses for each thread; for several replicas."""
    for _, layer in walk("model", model, set()):
        if isinstance(layer, keras.Layer):
            layer._losses = _OfThread()
