"""The optimizers of `conf/optimizer/`, and the check that any optimizer must pass. Keras is imported late."""

import math
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, NonNegativeFloat, PositiveFloat

from exp.config.optimizer_rules import CLASSES, LOSS_SCALE, argument_problems
from exp.errors import UserError


def _check_rate(value: Any) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if (number and math.isfinite(value) and value > 0) or (isinstance(value, dict) and "_target_" in value):
        return value
    raise ValueError("a finite number above 0, or a schedule (a node with a _target_)")


LearningRate = Annotated[Any, BeforeValidator(_check_rate)]
Fraction = Annotated[float, Field(ge=0, lt=1)]


def adam(*, learning_rate: LearningRate, beta_1: Fraction, beta_2: Fraction, epsilon: PositiveFloat) -> Any:
    """Keras's Adam (Kingma and Ba, 2015, arXiv:1412.6980), updated in one pass over each variable."""
    from exp.optimizer.fused_adam import Adam

    return Adam(learning_rate=learning_rate, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon)


def sgd(*, learning_rate: LearningRate, momentum: NonNegativeFloat, nesterov: bool) -> Any:
    """Keras's stochastic gradient descent with momentum."""
    import keras

    return keras.optimizers.SGD(learning_rate=learning_rate, momentum=momentum, nesterov=nesterov)


def adamw(
    *,
    learning_rate: LearningRate,
    weight_decay: NonNegativeFloat,
    beta_1: Fraction,
    beta_2: Fraction,
    epsilon: PositiveFloat,
) -> Any:
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019, arXiv:1711.05101), as Keras has it."""
    from exp.optimizer.fused_adam import Adam

    return Adam(learning_rate=learning_rate, weight_decay=weight_decay, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon)


def rmsprop(
    *,
    learning_rate: LearningRate,
    rho: Fraction,
    momentum: NonNegativeFloat,
    epsilon: PositiveFloat,
    centered: bool,
) -> Any:
    """Keras's RMSprop (Tieleman and Hinton, 2012, Coursera's Neural Networks for Machine Learning, lecture 6)."""
    import keras

    return keras.optimizers.RMSprop(
        learning_rate=learning_rate, rho=rho, momentum=momentum, epsilon=epsilon, centered=centered
    )


def lion(
    *, learning_rate: LearningRate, weight_decay: NonNegativeFloat | None, beta_1: Fraction, beta_2: Fraction
) -> Any:
    """Keras's Lion (Chen et al., 2023, arXiv:2302.06675)."""
    import keras

    return keras.optimizers.Lion(learning_rate=learning_rate, weight_decay=weight_decay, beta_1=beta_1, beta_2=beta_2)


def check_made(optimizer: Any, *, replicas: int) -> None:
    """Refuse an optimizer that would not train the same in every mode; a class of one's own can hide what it asks for.

    Args:
        optimizer: a built Keras optimizer; those inside of it are looked at too.
        replicas: on which it trains.

    Raises:
        UserError: naming all that is refused.
    """
    problems = [problem for one in _all(optimizer) for problem in _problems(one, replicas)]
    if problems:
        raise UserError("\n".join(problems))


def _all(optimizer: Any) -> Iterator[Any]:
    yield optimizer
    inner = getattr(optimizer, "inner_optimizer", None)
    for one in (*([inner] if inner is not None else []), *getattr(optimizer, "optimizers", ())):
        yield from _all(one)


def _problems(optimizer: Any, replicas: int) -> list[str]:
    import keras

    base = keras.optimizers
    if isinstance(optimizer, base.LossScaleOptimizer):
        return [f"optimizer: {type(optimizer).__name__}: {CLASSES[LOSS_SCALE]}"]
    problems = argument_problems("optimizer", lambda key: getattr(optimizer, key, None), replicas)
    known = (base.Optimizer.finalize_variable_values, base.MultiOptimizer.finalize_variable_values)
    if type(optimizer).finalize_variable_values not in known:
        problems.append(
            f"optimizer: {type(optimizer).__name__} changes the weights once more in finalize_variable_values, which "
            "only Keras's own fit calls, after the last checkpoint: what is tested would not be what is saved"
        )
    return problems
