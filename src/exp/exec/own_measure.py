"""`task.measure`: what a function of the user's measures in an evaluation, for each row by itself."""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from exp.errors import UserError
from exp.exec import step
from exp.exec.draws import Draws
from exp.exec.own_function import OwnFunction


class OwnMeasure:
    """Figures of the rows of a batch, whose means over all examples are the loss and the metrics of a task."""

    def __init__(self, function: OwnFunction, *, names: Sequence[str], seed: int) -> None:
        """Take a function (model, features, targets, ...) -> figures by name.

        Args:
            function: gives (rows,) numbers for `loss` and for each name.
            names: of the metrics.
            seed: of the run, for `random`.
        """
        self._function, self._names, self._seed = function, ("loss", *names), seed

    def __call__(self, model: Any, features: Any, targets: Any, *, first: Any) -> dict[str, Any]:
        """The figures, (rows,) by name: float32 for the loss, and float64.

        Args:
            model: the model, or `NamedModels`.
            features: of some examples.
            targets: of the same.
            first: the place of the first of them in the split, an integer scalar. Their random numbers depend on it
                only, and not on the batch.

        Raises:
            UserError: the function gives something else.
        """
        key = self._function.key
        places = tf.cast(first, tf.int64) + tf.range(tf.shape(tf.nest.flatten(features)[0])[0], dtype=tf.int64)
        found = self._function(
            model=model,
            features=step.scaled(features),
            targets=step.wanted(features, targets),
            weights=step.weights_of(targets),
            random=Draws(seed=self._seed, split=1, step=0, rows=places),
        )
        if not isinstance(found, Mapping) or set(found) != set(self._names):
            given = ", ".join(map(str, found)) if isinstance(found, Mapping) else f"a {type(found).__name__}"
            raise UserError(f"{key}: must give {', '.join(self._names)}, by name, and gives {given}")
        figures = {name: tf.cast(found[name], tf.float32 if name == "loss" else tf.float64) for name in self._names}
        for name, figure in figures.items():
            if figure.shape.rank != 1:
                raise UserError(f"{key}: gives {name} with the shape {figure.shape}; must be one number for each row")
        return figures
