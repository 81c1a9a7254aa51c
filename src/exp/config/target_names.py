"""The dotted names that a `_target_` may have, as text: nothing here is imported or called."""

OWN_PREFIXES = ("exp.model.", "exp.data.", "exp.optimizer.", "exp.task.")
OWN_NAMES = {"exp.model.": "create", "exp.data.": "load", "exp.task.": "create"}
"""The name that a function of ours must have to be a target, by prefix; the helpers beside it are no targets."""
KERAS_OPTIMIZERS = "keras.optimizers."
KERAS_CLASSES = (KERAS_OPTIMIZERS, "keras.losses.", "keras.metrics.")
"""Modules of Keras whose classes may be targets; none of their functions is one."""
KERAS_APPLICATIONS = "keras.applications."
"""Each function that this module itself offers makes a network, and may be a target."""
SECTIONS_WITH_TARGET = ("model", "data", "task", "optimizer")
"""The groups whose choices name code."""


def short_name(target: str) -> str:
    """The short name of a target: the module of a `create` or `load`, else the last part of its name."""
    parts = target.split(".")
    return parts[-2] if parts[-1] in ("create", "load") and len(parts) > 1 else parts[-1]
