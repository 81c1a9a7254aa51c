"""Saving and looking at small models."""

from pathlib import Path
from typing import Any

import numpy as np

from tests.support.networks import SIZE


def batch(seed: int = 0) -> Any:
    import tensorflow as tf

    return tf.constant(np.random.default_rng(seed).normal(size=(8, SIZE)).astype(np.float32))


def step(model: Any, optimizer: Any, values: Any) -> Any:
    """One training step; returns the loss."""
    import tensorflow as tf

    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(values, training=True) ** 2)
    variables = model.trainable_variables
    if optimizer is None:
        return loss
    optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
    return loss


def store(directory: Path, model: Any, optimizer: Any = None, **more: Any) -> Any:
    """The checkpoints of a model in a folder."""
    from exp.checkpoint import CheckpointManager, NewestN, Origin

    roots = {"model": model} | ({"optimizer": optimizer} if optimizer is not None else {})
    options = {"name": "ckpt", "policy": NewestN(3), "origin": Origin(run="this")}
    return CheckpointManager(directory, roots=roots, **{**options, **more})


def values_of(model: Any, optimizer: Any = None) -> dict[str, np.ndarray]:
    """Every variable's value by its path."""
    from exp.checkpoint.variables import named_variables

    roots = {"model": model} | ({"optimizer": optimizer} if optimizer is not None else {})
    return {path: np.asarray(named.variable).copy() for path, named in named_variables(roots).items()}


def assert_same(one: dict[str, np.ndarray], two: dict[str, np.ndarray]) -> None:
    """Bit for bit."""
    assert one.keys() == two.keys()
    for path, value in one.items():
        assert value.tobytes() == two[path].tobytes(), path
