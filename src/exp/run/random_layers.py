"""Layers that draw random numbers, such as dropout: what they draw has a seed of its own, apart from the weights'."""

from typing import Any

import keras
import numpy as np

from exp.checkpoint.variables import walk
from exp.exec import Executor

_STREAM = 2**64 - 1
"""Tells these bits from those that order the examples, whose keys are (seed, epoch)."""


def seed_layers(model: Any, executor: Executor, *, seed: int) -> None:
    """Give each `keras.random.SeedGenerator` in a model that was made without a seed one that follows from `seed`.

    Keras draws it from the stream that the initial weights come from. Then a run with other weights would drop other
    units, too, and nobody could tell which of the two made the difference. Which generator gets which seed depends on
    their order in the model alone. The bits are those of Philox 4x64-10, taken raw as in `exp.data.order`.

    Args:
        model: built; its variables have their initial values.
        executor: that prepared it; to be called in its scope.
        seed: of what is random in a step.
    """
    generators = [owner for _, owner in walk("model", model, set()) if isinstance(owner, keras.random.SeedGenerator)]
    states = [generator.state for generator in generators if generator.get_config()["seed"] is None]
    if not states:
        return
    bits = np.random.Philox(key=np.array([seed, _STREAM], np.uint64)).random_raw(len(states))
    drawn = (bits >> np.uint64(33)).astype(np.int64)  # 0 to 2**31 - 1, which every type of a state can hold
    values = [
        np.array([value, 0], np.asarray(old).dtype) for value, old in zip(drawn, executor.read(states), strict=True)
    ]
    executor.write(states, values)
