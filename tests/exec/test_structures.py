"""Features in a dict, integers among them, and targets of several numbers: every mode trains and evaluates them."""

from types import SimpleNamespace

import numpy as np
import pytest

from exp.data import Feed, ImageTransforms, Order, Spec, array_split, evaluation_dataset, plan_calls, training_dataset
from exp.data.check import check_dataset
from exp.data.dataset import Dataset
from exp.errors import UserError
from exp.exec import Batches, Program, executor_class
from exp.exec.step import called
from tests.support.tasks import Regression
from tests.support.training import fresh_executor, strategy_over

MODES = ("eager", "function", "session", "fit")
FEATURES = {"numbers": Spec((3,), "float32"), "token": Spec((), "int32")}
TARGETS = Spec((2,), "float32")
RANDOM = np.random.default_rng(0)
ARRAYS = {
    "numbers": RANDOM.normal(size=(43, 3)).astype(np.float32),
    "token": RANDOM.integers(0, 5, 43).astype(np.int32),
}
VALUES = RANDOM.normal(size=(43, 2)).astype(np.float32)


def dataset() -> Dataset:
    split = array_split(ARRAYS, VALUES)
    return Dataset(
        name="own", source="made", train=split, test=split, features=FEATURES, targets=TARGETS, fingerprint="0"
    )


def network():
    """A linear model of the numbers, and a bias for each token."""
    import keras

    numbers, token = keras.Input((3,), name="numbers"), keras.Input((), dtype="int32", name="token")
    joined = keras.layers.Add()([keras.layers.Dense(2)(numbers), keras.layers.Embedding(5, 2)(token)])
    return keras.Model({"numbers": numbers, "token": token}, joined)


def made(tf, mode: str, replicas: int) -> SimpleNamespace:
    import keras

    strategy = strategy_over(replicas)
    executor = fresh_executor(mode)
    with executor.scope():
        with strategy.scope():
            model = network()
            optimizer = keras.optimizers.SGD(0.1)
            optimizer.build(model.trainable_variables)
        program = Program(
            model=model,
            optimizer=optimizer,
            task=Regression(),
            strategy=strategy,
            batch_size=10,
            steps_per_call=1 if executor.one_step_a_call else 3,
            features=FEATURES,
            targets=TARGETS,
        )
        executor.prepare(program)
    feed = Feed(10, program.steps_per_call, ImageTransforms([], features=FEATURES), threads=1, prefetch=1)
    return SimpleNamespace(executor=executor, program=program, feed=feed)


@pytest.mark.parametrize("replicas", [1, 2])
@pytest.mark.parametrize("mode", MODES)
def test_a_task_of_ones_own_trains_alike_in_every_mode(tf, mode, replicas):
    run, losses = made(tf, mode, replicas), []
    calls = plan_calls(first=0, last=12, steps_per_call=run.program.steps_per_call, every=12)
    order = Order(seed=0, size=43, buffer_size=43, batch_size=10)
    batches = Batches(calls, training_dataset(dataset().train, order, calls, run.feed))
    with run.executor.scope():
        kernel, bias, table = (np.array(value, np.float64) for value in run.executor.read(run.program.model.weights))
    run.executor.train(batches, lambda first, found, details: losses.extend(found) or True)

    for step, rows in enumerate(order.steps(0, 12)):
        numbers, tokens = ARRAYS["numbers"][rows].astype(np.float64), ARRAYS["token"][rows]
        errors = numbers @ kernel + bias + table[tokens] - VALUES[rows]
        assert losses[step] == pytest.approx((errors**2).mean(), rel=1e-4)
        gradient = errors / 10
        kernel -= 0.1 * numbers.T @ gradient
        bias -= 0.1 * gradient.sum(axis=0)
        np.subtract.at(table, tokens, 0.1 * gradient)

    evaluation = run.executor.evaluate(evaluation_dataset(dataset().test, run.feed))
    outputs = ARRAYS["numbers"].astype(np.float64) @ kernel + bias + table[ARRAYS["token"]]
    assert evaluation.examples == 43
    assert evaluation.loss == pytest.approx(((outputs - VALUES) ** 2).mean(), rel=1e-4)
    assert evaluation.metrics == {"absolute_error": pytest.approx(np.abs(outputs - VALUES).mean(), rel=1e-4)}
    tensors = {name: tf.constant(array) for name, array in ARRAYS.items()}
    given = run.executor.computing(called(run.program.model))(tensors)
    np.testing.assert_allclose(given, outputs, rtol=1e-3, atol=1e-4)


def test_a_data_set_of_structures_is_checked(tf):
    from dataclasses import replace

    check_dataset(dataset(), what="data=own")
    for features, message in (
        ({**FEATURES, "numbers": Spec((4,), "float32")}, r"training features have shape \(3,\), and features.shape"),
        ({**FEATURES, "token": Spec((), "int64")}, r"training features are int32, and features.dtype is int64"),
        (Spec((3,), "float32"), r"training features have another structure than features"),
    ):
        with pytest.raises(UserError, match=message):
            check_dataset(replace(dataset(), features=features), what="data=own")


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_tells_what_it_can(tf, mode):
    told = executor_class(mode)
    assert told.needs_session == (mode == "session")
    assert told.makes_graph == (mode != "eager")
    assert told.one_step_a_call == (mode in ("eager", "fit"))
    assert (
        told.calls_of_any_size == told.shows_gradients == told.sums_summaries == told.waits_visible == (mode != "fit")
    )
