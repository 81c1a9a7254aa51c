"""The optimizers that have a file in `conf/optimizer/`. Keras is imported when one is made."""

import math
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, NonNegativeFloat, PositiveFloat


def _check_rate(value: Any) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if (number and math.isfinite(value) and value > 0) or (isinstance(value, dict) and "_target_" in value):
        return value
    raise ValueError("a finite number above 0, or a schedule (a node with a _target_)")


LearningRate = Annotated[Any, BeforeValidator(_check_rate)]
Fraction = Annotated[float, Field(ge=0, lt=1)]


def adam(*, learning_rate: LearningRate, beta_1: Fraction, beta_2: Fraction, epsilon: PositiveFloat) -> Any:
    """Keras's Adam (Kingma and Ba, 2015, arXiv:1412.6980), updated in one pass over each variable."""
    from exp.fused_adam import Adam

    return Adam(learning_rate=learning_rate, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon)


def sgd(*, learning_rate: LearningRate, momentum: NonNegativeFloat, nesterov: bool) -> Any:
    """Keras's stochastic gradient descent with momentum."""
    import keras

    return keras.optimizers.SGD(learning_rate=learning_rate, momentum=momentum, nesterov=nesterov)
