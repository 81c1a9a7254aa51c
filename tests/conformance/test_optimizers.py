"""Every optimizer of Keras, and what they all can do, in every mode and on replicas: the same numbers, or refused."""

import functools
import itertools
from typing import Any

import numpy as np
import pytest

from exp.config.optimizer_rules import CLASSES, NEVER, ON_REPLICAS, target_problems
from exp.config.targets import Target
from exp.errors import UserError
from tests.support.conf import choices
from tests.support.training import train

MODES = choices("exec")
ARGUMENTS = {
    "clipnorm": 0.05,
    "global_clipnorm": 0.05,
    "clipvalue": 0.005,
    "weight_decay": 0.1,
    "gradient_accumulation_steps": 4,
    "use_ema": True,
    "loss_scale_factor": 128.0,
}
"""What every optimizer takes, each with a value that bites within a few steps."""
NOT_ALONE = {"name", "learning_rate", "ema_momentum", "ema_overwrite_frequency", "kwargs"}
MADE_OF_OTHERS = {"LossScaleOptimizer", "MultiOptimizer"}
QUICK = {"Adam", "Nadam", "ScheduleFreeAdamW", "gradient_accumulation_steps"}
"""These on two replicas too, and in every mode; the others in a session, and elsewhere when there is time."""


def classes() -> list[str]:
    """All there are, so that a new one of Keras's does not escape."""
    import keras

    kinds = ((name, getattr(keras.optimizers, name)) for name in sorted(dir(keras.optimizers)))
    known = [name for name, kind in kinds if isinstance(kind, type) and issubclass(kind, keras.optimizers.Optimizer)]
    return [name for name in known if name not in {"Optimizer", *MADE_OF_OTHERS}]


def make(name: str):
    """The optimizer of that name: a class, `Adam` with an argument or two, or one that holds others."""
    import keras

    kinds = keras.optimizers
    if name == "schedule":
        return kinds.Adam(kinds.schedules.ExponentialDecay(0.05, 3, 0.5))
    if name == "accumulated schedule":
        return kinds.Adam(kinds.schedules.ExponentialDecay(0.05, 3, 0.5), gradient_accumulation_steps=4)
    if name == "MultiOptimizer":
        return kinds.MultiOptimizer(kinds.OptimizerMap(kinds.SGD(0.01), {".*bias": kinds.Adam(0.01)}))
    if name in ARGUMENTS:
        return kinds.Adam(0.01, **{name: ARGUMENTS[name]})
    return getattr(kinds, name)(0.01)


@functools.cache
def reference(name: str):
    """Of one replica, operation by operation."""
    return train("eager", optimizer=lambda: make(name))


def check(name: str, mode: str, replicas: int) -> None:
    """Fails unless the numbers are those of the reference."""
    expected, got = reference(name), train(mode, optimizer=lambda: make(name), replicas=replicas)
    np.testing.assert_allclose(got.losses, expected.losses, rtol=1e-5)
    for weights, others in zip(got.weights, expected.weights, strict=True):
        np.testing.assert_allclose(weights, others, atol=1e-5)


OTHERS = ["schedule", "accumulated schedule", "MultiOptimizer", *(name for name in ARGUMENTS if name not in NEVER)]
SHARED = [name for name in OTHERS if name not in ON_REPLICAS and not name.startswith("accumulated")]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Keras's classes are asked for here, because importing them takes time."""
    if "every" in metafunc.fixturenames:
        metafunc.parametrize("every", [*classes(), *OTHERS])
    if "shared" in metafunc.fixturenames:
        names = [*classes(), *SHARED]
        metafunc.parametrize("shared", [name if name in QUICK else slow(name) for name in names])
    if "case" in metafunc.fixturenames:
        cases = itertools.product([*classes(), *OTHERS], ("function", "session", "fit"))
        metafunc.parametrize("case", [case if is_quick(*case) else slow(case) for case in cases], ids="-".join)


def slow(value: Any) -> Any:
    return pytest.param(value, marks=pytest.mark.slow)


def is_quick(name: str, mode: str) -> bool:
    """Whether an optimizer is always tried in a mode."""
    return name in QUICK or mode == "session"


def test_modes_agree(tf, case):
    name, mode = case
    check(name, mode, replicas=1)


@pytest.mark.parametrize("mode", MODES)
def test_replicas_agree(tf, shared, mode):
    check(shared, mode, replicas=2)


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_goes_on_exactly(tf, every, mode):
    """From all variables that a checkpoint holds: bit for bit what an undisturbed training gives."""
    whole = train(mode, optimizer=lambda: make(every))
    half = train(mode, optimizer=lambda: make(every), last=6)
    rest = train(mode, optimizer=lambda: make(every), first=6, state=half.state)
    np.testing.assert_array_equal(np.concatenate([half.losses, rest.losses]), whole.losses)
    for path, value in whole.state.items():
        np.testing.assert_array_equal(rest.state[path], value, err_msg=path)


def target(name: str, **arguments) -> Target:
    return Target(name=f"keras.optimizers.{name}", arguments=arguments)


def test_every_common_argument_is_looked_at(tf):
    """Whatever Keras may add to all optimizers has to be tried here, or refused."""
    import inspect

    import keras

    taken = set(inspect.signature(keras.optimizers.Optimizer.__init__).parameters) - {"self", "args"}
    base = next(kind for kind in keras.optimizers.Optimizer.__mro__ if kind.__name__ == "BaseOptimizer")
    taken |= set(inspect.signature(base.__init__).parameters) - {"self"}
    assert taken - NOT_ALONE == set(ARGUMENTS)
    assert {*NEVER, *ON_REPLICAS} <= set(ARGUMENTS)


@pytest.mark.parametrize("argument", [*NEVER, *ON_REPLICAS])
@pytest.mark.parametrize("replicas", [1, 2])
def test_what_is_not_the_same_is_refused_by_name(argument, replicas):
    problems = target_problems(target("Adam", **{argument: ARGUMENTS[argument]}), replicas)
    refused = argument in NEVER or replicas > 1
    assert [problem.startswith(f"optimizer.{argument}=") for problem in problems] == [True] * refused
    assert target_problems(target("Adam", **{argument: None}), replicas) == []


def test_optimizers_inside_of_optimizers_are_looked_at():
    (scale,) = CLASSES
    inner = {"_target_": "keras.optimizers.SGD", "clipnorm": 1.0}
    (problem,) = target_problems(target("LossScaleOptimizer", inner_optimizer={"_target_": inner["_target_"]}), 1)
    assert problem.startswith(f"optimizer._target_={scale}: ")
    nested = target(
        "MultiOptimizer", optimizer_map={"_target_": "keras.optimizers.OptimizerMap", "optimizer_map": [inner]}
    )
    (problem,) = target_problems(nested, 2)
    assert problem.startswith("optimizer.optimizer_map.optimizer_map[0].clipnorm=1.0: ")


def test_a_class_of_ones_own_cannot_hide_it(tf):
    import keras

    from exp.optimizer.by_name import check_made

    class Hidden(keras.optimizers.SGD):
        def __init__(self):
            super().__init__(0.1, clipnorm=1.0)

    class Finishing(keras.optimizers.SGD):
        def finalize_variable_values(self, var_list):
            for variable in var_list:
                variable.assign(variable * 0)

    check_made(Hidden(), replicas=1)
    inside = keras.optimizers.MultiOptimizer(keras.optimizers.OptimizerMap(Hidden()))
    for optimizer in (Hidden(), inside):
        with pytest.raises(UserError, match=r"^optimizer.clipnorm=1.0: Keras clips the share of each replica"):
            check_made(optimizer, replicas=2)
    with pytest.raises(UserError, match="Finishing changes the weights once more in finalize_variable_values"):
        check_made(Finishing(0.1), replicas=1)
    with pytest.raises(UserError, match="LossScaleOptimizer: it divides gradients"):
        check_made(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD()), replicas=1)


def branching():
    """A network that takes another way at every second step, and penalties of two kinds."""
    import keras

    class Alternating(keras.layers.Layer):
        def build(self, shape):
            self.steps = self.add_weight(
                shape=(), dtype="int64", trainable=False, initializer="zeros", aggregation="only_first_replica"
            )

        def call(self, values, training=False):
            if not training:
                return values
            values = keras.ops.cond(self.steps % 2 == 0, lambda: values * 2.0, lambda: values)
            values = keras.ops.where(keras.ops.convert_to_tensor(self.steps) != 3, values, -values)
            self.steps.assign_add(1)
            return values

    return keras.Sequential(
        [
            keras.layers.Rescaling(1.0),
            keras.layers.Flatten(),
            Alternating(),
            keras.layers.Dense(5, "tanh", kernel_regularizer="l2", activity_regularizer="l2"),
            keras.layers.Dense(3, kernel_constraint=keras.constraints.MaxNorm(0.5)),
        ]
    )


@pytest.mark.parametrize("replicas", [1, 2])
@pytest.mark.parametrize("mode", MODES)
def test_equality_penalties_and_constraints_agree(tf, mode, replicas):
    """In TensorFlow 2.21, `==` of tensors is Python's False in a private graph; Keras's metrics know no penalties."""
    import keras

    runs = [
        train(m, model=branching, optimizer=lambda: keras.optimizers.Adam(0.01), replicas=r)
        for m, r in (("eager", 1), (mode, replicas))
    ]
    np.testing.assert_allclose(runs[1].losses, runs[0].losses, rtol=1e-5)
    for weights, others in zip(runs[1].weights, runs[0].weights, strict=True):
        np.testing.assert_allclose(weights, others, atol=1e-5)
