"""`task.step`: a training step of the user's own, what it is given, and what is made of what it gives.

It sees one batch, takes means over it, and applies its optimizers, as a step for a single device does. On several
replicas each has some of the rows: its gradients and losses are weighted by their share of the batch, so that the sums
over replicas are the means over the batch.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from exp.errors import UserError
from exp.exec import step
from exp.exec.draws import Draws, graph_here
from exp.exec.named import NamedOptimizers
from exp.exec.own_function import OwnFunction
from exp.exec.recipe import GRADIENT_NORM, LOSS_SCALE, Recipe
from exp.system.own_code import described
from exp.terminal.words import is_plain_name

TAKEN = ("batches", GRADIENT_NORM, LOSS_SCALE, "learning_rate")
"""Names that a loss cannot have."""


class OwnStep:
    """A training step of the user's own."""

    def __init__(self, function: OwnFunction, *, seed: int) -> None:
        """Take a function (model, optimizer, features, targets, ...) -> losses.

        Args:
            function: may give one number, the mean loss of the batch, or one for each row; or several, by name.
            seed: of the run, for `random`.
        """
        self.key, self._function, self._seed = function.key, function, seed
        self.names: tuple[str, ...] = ()
        """The names of the losses beside the loss itself; they are known once the step was traced, or has run."""
        self.unused: tuple[str, ...] = ()
        """The names of optimizers that the step does not apply; known then, too."""

    def __call__(
        self,
        model: Any,
        *,
        optimizer: Any,
        features: Any,
        targets: Any,
        share: float,
        number: Any,
        rows: Any,
        recipe: Recipe = step.PLAIN,
        apply: bool = True,
    ) -> step.Update:
        """One update, in one replica.

        Args:
            model: the model, or `NamedModels`.
            optimizer: the optimizer, or `NamedOptimizers`.
            features: this replica's rows of the batch.
            targets: the same rows.
            share: of the rows of the batch, those that these are.
            number: of steps done before, an integer scalar.
            rows: (rows,) integers, the numbers of these rows in the batch.
            recipe: what is done with the gradients that each optimizer is given.
            apply: False if the gradients are only asked for.

        Returns:
            This replica's shares. If there are several losses, `loss` is a vector: the loss, and those of `names`.

        Raises:
            UserError: the step applies no optimizer, or gives something else than losses.
        """
        gradients: dict[int, Any] = {}
        several = isinstance(optimizer, NamedOptimizers)
        every = optimizer.by_name if several else {"": optimizer}
        shared = {name: SharedOptimizer(one, share, gradients, recipe, apply=apply) for name, one in every.items()}
        losses = self._function(
            model=model,
            optimizer=shared if several else shared[""],
            features=step.scaled(features),
            targets=step.wanted(features, targets),
            weights=step.weights_of(targets),
            random=Draws(seed=self._seed, split=0, step=number, rows=rows),
            step=number,
        )
        if not gradients:
            raise UserError(
                f"{self.key}: does not apply the optimizer that it is given, so that nothing would be trained"
            )
        applied = [gradients.get(id(weight)) for weight in model.trainable_variables]
        self.unused = tuple(name for name, one in shared.items() if not one.is_applied)
        loss = self._loss(losses, tf.nest.flatten(features)[0].shape[0]) * share
        if recipe.shows_norm:
            norms = [one.squared_norm for one in shared.values() if one.squared_norm is not None]
            norm = tf.sqrt(tf.add_n(norms)) if norms else float("nan")
            share = 1 / tf.distribute.get_replica_context().num_replicas_in_sync
            loss = tf.concat([tf.reshape(loss, [-1]), [norm * share]], axis=0)
        return step.Update(loss, applied)

    def _loss(self, losses: Any, rows: int | None) -> Any:
        """The mean loss; if there are several, a vector of it and of them."""
        if not isinstance(losses, Mapping):
            return self._mean("", losses, rows)
        means = {str(name): self._mean(f" as {name}", value, rows) for name, value in losses.items()}
        if not means:
            raise UserError(f"{self.key}: gives no loss")
        loss = means.pop("loss") if "loss" in means else tf.add_n(list(means.values()))
        wrong = [name for name in means if name in TAKEN or not is_plain_name(name)]
        if wrong:
            raise UserError(f"{self.key}: names a loss {wrong[0]!r}, which is taken, or is no plain name")
        self.names = tuple(means)
        return tf.stack([loss, *means.values()]) if means else loss

    def _mean(self, which: str, given: Any, rows: int | None) -> Any:
        is_one = tf.is_tensor(given) or isinstance(given, int | float | np.ndarray | np.generic)
        losses = tf.convert_to_tensor(given) if is_one else None
        if losses is None or not (losses.dtype.is_floating or losses.dtype.is_integer or losses.dtype.is_bool):
            what = described(given) if losses is None else f"a tensor of {losses.dtype.name}"
            raise UserError(f"{self.key}: gives{which} {what}, not a loss: a number, or one for each row")
        if losses.shape.rank and rows is not None and losses.shape[0] not in (rows, None):
            raise UserError(
                f"{self.key}: gives{which} {losses.shape[0]} numbers for {rows} rows; must be one, or one for each; "
                "several losses have names, in a dict"
            )
        return tf.reduce_mean(tf.cast(losses, tf.float32))


_OWN = frozenset({"_optimizer", "_share", "_gradients", "_recipe", "_applies", "_graph", "is_applied", "squared_norm"})


class SharedOptimizer:
    """An optimizer as a step of one's own has it: the gradients that it is given are those of the mean over the rows.

    Anything but applying gradients is the optimizer's own.
    """

    def __init__(
        self, optimizer: Any, share: float, gradients: dict[int, Any], recipe: Recipe = step.PLAIN, *, apply: bool
    ) -> None:
        """Take an optimizer.

        Args:
            optimizer: a built Keras optimizer, which sums gradients over replicas.
            share: the share of the batch's rows that are here.
            gradients: gets what was applied, by the `id` of the variable.
            recipe: what is done with gradients before they are applied.
            apply: False if nothing is to be updated.
        """
        self._optimizer, self._share, self._gradients, self._applies = optimizer, share, gradients, apply
        self._graph, self._recipe = graph_here(), recipe
        self.is_applied = False
        self.squared_norm: Any = None
        """The square of the norm of the last gradient, if the recipe asks for norms, and it was not in a `tf.cond`."""

    def apply_gradients(self, pairs: Any) -> None:
        """Update variables.

        Args:
            pairs: of a gradient and its variable, such as zip(gradients, model.trainable_variables).
        """
        pairs = list(pairs)
        self.apply([gradient for gradient, _ in pairs], [variable for _, variable in pairs])

    def apply(self, gradients: Any, variables: Any = None) -> None:
        """Update variables.

        Args:
            gradients: for each variable; None if the loss does not depend on it.
            variables: None: all that the optimizer was built for.
        """
        variables = list(self._optimizer._trainable_variables if variables is None else variables)
        weighted = [_weighted(gradient, self._share) for gradient in gradients]
        if all(gradient is None for gradient in weighted):
            raise ValueError("no loss depends on any of these variables; compute it, its mean included, under the tape")
        self.is_applied = True
        norm = None
        if self._recipe.touches_gradients:
            weighted, norm = self._recipe.prepared(weighted)
        outside = graph_here() is self._graph  # what is made inside a tf.cond cannot be shown outside of it
        self._gradients.update({id(v): g if outside else None for v, g in zip(variables, weighted, strict=True)})
        self.squared_norm = norm * norm if norm is not None and outside else None
        if self._applies:
            self._optimizer.apply_gradients(zip(weighted, variables, strict=True))

    def minimize(self, loss: Any, variables: Any, tape: Any) -> None:
        """Update variables by the gradients of a loss.

        Args:
            loss: a scalar that was computed under the tape.
            variables: to be updated.
            tape: a `tf.GradientTape`.
        """
        self.apply(tape.gradient(loss, variables), variables)

    def __getattr__(self, name: str) -> Any:
        """Of the optimizer."""
        return getattr(self._optimizer, name)

    def __setattr__(self, name: str, value: Any) -> None:
        """Refuse what a graph would do once, and what this object would keep for itself."""
        if name not in _OWN:
            raise AttributeError(
                f"optimizer.{name} cannot be set in a step; optimizer.{name}.assign(...) sets a variable"
            )
        super().__setattr__(name, value)


def _weighted(gradient: Any, share: float) -> Any:
    if gradient is None or share == 1.0:
        return gradient
    if isinstance(gradient, tf.IndexedSlices):
        return tf.IndexedSlices(gradient.values * share, gradient.indices, gradient.dense_shape)
    return gradient * share
