"""What the modes share: the division of batches, and exact testing with any batch size and any number of replicas."""

import numpy as np
import pytest

from exp.data import Feed, ImageTransforms, Order, Spec, array_split, evaluation_dataset, plan_calls, training_dataset
from exp.data.dataset import LABELS
from exp.exec import Batches, Program, make_executor
from exp.exec.replicas import replica_rows
from exp.system.signals import Stopped
from exp.task import Classification
from tests.support.splits import read
from tests.support.training import strategy_over

MODES = ("eager", "function", "session", "fit")


@pytest.mark.parametrize(("batch", "replicas"), [(50, 1), (50, 2), (50, 3), (7, 4), (3, 3)])
def test_rows_are_shared_evenly_and_completely(batch, replicas):
    rows = [replica_rows(batch, replicas, number) for number in range(replicas)]
    sizes = [part.stop - part.start for part in rows]
    assert [row for part in rows for row in range(batch)[part]] == list(range(batch))
    assert max(sizes) - min(sizes) <= 1


@pytest.fixture(scope="module")
def split(tf):
    random = np.random.default_rng(0)
    return array_split(random.integers(0, 256, (103, 4, 4, 1), np.uint8), random.integers(0, 3, 103).astype(np.int32))


def feed(batch_size: int, steps_per_call: int) -> Feed:
    """Batches without transforms."""
    transforms = ImageTransforms([], features=Spec((4, 4, 1), "uint8"))
    return Feed(batch_size, steps_per_call, transforms, threads=2, prefetch=1)


def make(tf, mode: str, *, replicas: int, batch_size: int, steps_per_call: int, jit: bool = False):
    """An executor with a small built model, ready to run."""
    import keras

    from exp.model.mlp import create

    strategy = strategy_over(replicas, to_one_device=mode == "session")
    config = tf.compat.v1.ConfigProto(device_count={"CPU": 2})
    executor = make_executor(mode, session_config=config)
    keras.utils.clear_session()
    keras.utils.set_random_seed(0)
    with executor.scope():
        with strategy.scope():
            model = create(input_shape=(4, 4, 1), classes=3, hidden=5)
            model.build((None, 4, 4, 1))
            optimizer = keras.optimizers.Adam()
            optimizer.build(model.trainable_variables)
        program = Program(
            model=model,
            optimizer=optimizer,
            task=Classification(classes=3),
            strategy=strategy,
            batch_size=batch_size,
            steps_per_call=steps_per_call,
            features=Spec((4, 4, 1), "uint8"),
            targets=LABELS,
            jit_train=jit,
            jit_test=jit,
        )
        executor.prepare(program)
    return executor, program


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("replicas", [1, 2])
@pytest.mark.parametrize("shape", [(50, 1), (64, 1), (10, 3), (103, 1), (200, 1)])
def test_every_example_is_tested_exactly_once(tf, split, mode, replicas, shape):
    batch_size, steps_per_call = shape
    if mode == "fit" and batch_size % replicas:
        pytest.skip("refused by the configuration: Keras averages over replicas")
    if mode in ("eager", "fit"):
        steps_per_call = 1
    executor, program = make(tf, mode, replicas=replicas, batch_size=batch_size, steps_per_call=steps_per_call)
    dataset = evaluation_dataset(split, feed(batch_size, steps_per_call))
    result = executor.evaluate(dataset)

    pictures, labels = read(split, np.arange(split.size))
    with executor.scope():
        kernel1, bias1, kernel2, bias2 = map(np.asarray, executor.read(program.model.weights))
    hidden = np.maximum(pictures.reshape(103, 16) / 255 @ kernel1 + bias1, 0)
    logits = hidden @ kernel2 + bias2
    right = int((logits.argmax(axis=1) == labels).sum())
    losses = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(103), labels]
    assert result.examples == 103
    assert result.metrics == {"accuracy": right / 103}
    assert result.loss == pytest.approx(losses.mean(), rel=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_a_test_is_left_between_two_calls(tf, split, mode):
    calls = []

    def between():
        calls.append(1)
        if len(calls) == 3:
            raise Stopped

    executor, _ = make(tf, mode, replicas=1, batch_size=10, steps_per_call=1)
    with pytest.raises(Stopped):
        executor.evaluate(evaluation_dataset(split, feed(10, 1)), between=between)
    assert executor.evaluate(evaluation_dataset(split, feed(10, 1))).examples == 103


def train(tf, split, mode: str, *, steps: int, steps_per_call: int, stop_after: int | None = None, jit: bool = False):
    executor, program = make(tf, mode, replicas=1, batch_size=10, steps_per_call=steps_per_call, jit=jit)
    order = Order(seed=0, size=103, buffer_size=50, batch_size=10)
    calls = plan_calls(first=0, last=steps, steps_per_call=steps_per_call, every=12)
    dataset = training_dataset(split, order, calls, feed(10, steps_per_call))
    heard: list[tuple[int, np.ndarray]] = []

    def after_call(first, losses, details=None):
        heard.append((first, losses))
        return stop_after is None or first + len(losses) < stop_after

    executor.train(Batches(calls, dataset), after_call)
    with executor.scope():
        weights = executor.read(program.model.weights)
    return heard, weights


@pytest.mark.parametrize(("mode", "steps_per_call"), [("function", 5), ("session", 5), ("fit", 4)])
def test_many_steps_a_call_are_the_same_steps(tf, split, mode, steps_per_call):
    one, one_weights = train(tf, split, mode, steps=25, steps_per_call=1)
    many, many_weights = train(tf, split, mode, steps=25, steps_per_call=steps_per_call)
    assert [first for first, _ in one] == list(range(25))
    assert len(many) < 9
    losses = [np.concatenate([losses for _, losses in heard]) for heard in (one, many)]
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-6)
    for single, several in zip(one_weights, many_weights, strict=True):
        np.testing.assert_array_equal(several, single)


@pytest.mark.parametrize("mode", MODES)
def test_stops_when_told(tf, split, mode):
    heard, _ = train(tf, split, mode, steps=25, steps_per_call=1, stop_after=7)
    assert [first for first, _ in heard] == list(range(7))


@pytest.mark.parametrize("mode", ["function", "session", "fit"])
def test_xla_gives_the_same_losses(tf, split, mode):
    plain, _ = train(tf, split, mode, steps=25, steps_per_call=1)
    compiled, _ = train(tf, split, mode, steps=25, steps_per_call=1, jit=True)
    for (_, one), (_, other) in zip(plain, compiled, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-4)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("replicas", [1, 2])
def test_variables_are_written_and_read_back(tf, mode, replicas):
    executor, program = make(tf, mode, replicas=replicas, batch_size=10, steps_per_call=1)
    with executor.scope():
        values = [np.full(weight.shape, number, np.float32) for number, weight in enumerate(program.model.weights)]
        executor.write(program.model.weights, values)
        for got, value in zip(executor.read(program.model.weights), values, strict=True):
            np.testing.assert_array_equal(got, value)
        if mode != "session":
            for weight, value in zip(program.model.weights, values, strict=True):
                for copy in program.strategy.experimental_local_results(weight.value):
                    np.testing.assert_array_equal(copy, value)
