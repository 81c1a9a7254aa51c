"""Training a small network in this process, in any mode and on any number of replicas."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

BATCH = 10
SHAPE = (4, 4, 1)


def examples():
    """103 random pictures of three classes."""
    from exp.data.split import array_split

    random = np.random.default_rng(0)
    return array_split(random.integers(0, 256, (103, *SHAPE), np.uint8), random.integers(0, 3, 103).astype(np.int32))


def small_network() -> Any:
    """The mlp, for these pictures."""
    from exp.model.mlp import create

    return create(input_shape=SHAPE, classes=3, hidden=5)


def strategy_over(replicas: int, *, to_one_device: bool = True) -> Any:
    """The strategy of so many logical CPUs.

    Args:
        replicas: TensorFlow must have as many logical CPUs.
        to_one_device: how gradients are summed. The default all-reduce can be used once in a process, and not in a
            session.
    """
    import tensorflow as tf

    if replicas == 1:
        return tf.distribute.get_strategy()
    names = [f"CPU:{number}" for number in range(replicas)]
    reduction = tf.distribute.ReductionToOneDevice() if to_one_device else None
    return tf.distribute.MirroredStrategy(names, cross_device_ops=reduction)


def probed(model: Any, *, shape: tuple[int, ...], classes: int, makes_graph: bool = True) -> Any:
    """What a probe finds in the training step of a built model for uint8 pictures of a shape."""
    import keras

    from exp.data import Spec
    from exp.data.dataset import LABELS
    from exp.exec import Program
    from exp.exec.probe import probe
    from exp.task import Classification

    program = Program(
        model=model,
        optimizer=keras.optimizers.SGD(),
        task=Classification(classes=classes),
        strategy=strategy_over(1),
        batch_size=1,
        steps_per_call=1,
        features=Spec(shape, "uint8"),
        targets=LABELS,
    )
    return probe(program, makes_graph=makes_graph)


def fresh_executor(mode: str) -> Any:
    """The executor of a mode, in a process whose random numbers and names of layers begin anew."""
    import keras
    import tensorflow as tf

    from exp.exec import make_executor

    executor = make_executor(mode, session_config=tf.compat.v1.ConfigProto(device_count={"CPU": 2}))
    keras.utils.clear_session()
    keras.utils.set_random_seed(0)
    return executor


@dataclass
class Trained:
    """What came out."""

    losses: np.ndarray
    weights: list[np.ndarray]
    state: dict[str, np.ndarray]
    """Every variable of model and optimizer, by path."""


def train(
    mode: str,
    *,
    optimizer: Callable[[], Any],
    model: Callable[[], Any] = small_network,
    replicas: int = 1,
    first: int = 0,
    last: int = 12,
    state: dict[str, np.ndarray] | None = None,
    recipe: Callable[[Any, Any], Any] | None = None,
) -> Trained:
    """Train from step `first` to `last`, from a `state` where one is given; TensorFlow must have two logical CPUs.

    A recipe is made from the network and the strategy.
    """
    from exp.checkpoint.variables import named_variables
    from exp.data import Feed, ImageTransforms, Order, Spec, plan_calls, training_dataset
    from exp.data.dataset import LABELS
    from exp.exec import Batches, Program
    from exp.exec.penalties import keep_penalties_apart
    from exp.task import Classification

    strategy = strategy_over(replicas)
    steps_per_call = 4 if mode in ("function", "session") else 1
    executor = fresh_executor(mode)
    with executor.scope():
        with strategy.scope():
            network = model()
            network.build((None, *SHAPE))
            made = optimizer()
            made.build(network.trainable_variables)
        if replicas > 1:
            keep_penalties_apart(network)
        more = {} if recipe is None else {"recipe": recipe(network, strategy)}
        program = Program(
            **more,
            model=network,
            optimizer=made,
            task=Classification(classes=3),
            strategy=strategy,
            batch_size=BATCH,
            steps_per_call=steps_per_call,
            features=Spec(SHAPE, "uint8"),
            targets=LABELS,
        )
        executor.prepare(program)
    named = {path: one.variable for path, one in named_variables(program.roots).items()}
    averages = program.recipe.averages
    if averages is not None:
        with executor.scope():
            executor.write(averages.values, [np.array(value) for value in executor.read(averages.of)])
    if state is not None:
        assert named.keys() == state.keys()
        with executor.scope():
            executor.write(list(named.values()), [state[path] for path in named])
    calls = plan_calls(first=first, last=last, steps_per_call=steps_per_call, every=6)
    feed = Feed(BATCH, steps_per_call, ImageTransforms([], features=Spec(SHAPE, "uint8")), threads=2, prefetch=1)
    order = Order(seed=0, size=103, buffer_size=50, batch_size=BATCH)
    heard: list[np.ndarray] = []

    def after_call(first: int, losses: np.ndarray, details: Any = None) -> bool:
        heard.append(losses)
        return True

    executor.train(Batches(calls, training_dataset(examples(), order, calls, feed)), after_call)
    with executor.scope():
        weights = [np.asarray(value) for value in executor.read(network.weights)]
        values = [np.asarray(value) for value in executor.read(list(named.values()))]
    return Trained(np.concatenate(heard), weights, dict(zip(named, values, strict=True)))
