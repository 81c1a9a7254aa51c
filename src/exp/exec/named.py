"""Several models, or several optimizers, that a run trains together, by name."""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from exp.errors import UserError


class NamedModels(keras.Model):  # type: ignore[misc]
    """Built models, each an attribute and an item of this one, which has all of their variables and no `call`."""

    def __init__(self, models: Mapping[str, Any]) -> None:
        """Take models.

        Args:
            models: by name.

        Raises:
            UserError: a name cannot be an attribute, or something is no built model.
        """
        super().__init__(name="models")
        self.names = tuple(models)
        taken = {*dir(self), *dir(tf.Module)}
        for name, model in models.items():
            if not (isinstance(name, str) and name.isidentifier()) or name.startswith("_") or name in taken:
                raise UserError(f"gives a model with the name {name!r}, which is taken, or is no plain name")
            if not isinstance(model, keras.Model):
                raise UserError(f"gives as {name} a {type(model).__name__}, not a keras.Model")
            if not model.built:
                raise UserError(f"gives as {name} a model without weights; call it, or build it, before it is returned")
            setattr(self, name, model)
        self.built = True

    def __getitem__(self, name: str) -> Any:
        """A model by its name."""
        if name not in self.names:
            raise KeyError(f"no model is called {name}; there are {', '.join(self.names)}")
        return getattr(self, name)


class NamedOptimizers(tf.Module):  # type: ignore[misc]
    """Built optimizers, each an attribute of this object."""

    def __init__(self, optimizers: Mapping[str, Any]) -> None:
        """Take optimizers by name."""
        super().__init__(name="optimizers")
        for name, optimizer in optimizers.items():
            setattr(self, name, optimizer)
        self.names = tuple(optimizers)

    @property
    def by_name(self) -> dict[str, Any]:
        """The optimizers, in the order in which they were given."""
        return {name: getattr(self, name) for name in self.names}


def parts(model: Any, optimizer: Any) -> dict[str, tuple[Any, Any]]:
    """Each model with its optimizer, by name; the name is empty if there is one of each.

    Args:
        model: one, or `NamedModels`.
        optimizer: one, or `NamedOptimizers`.
    """
    if isinstance(optimizer, NamedOptimizers):
        return {name: (getattr(model, name), one) for name, one in optimizer.by_name.items()}
    return {"": (model, optimizer)}
