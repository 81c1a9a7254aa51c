"""`task.step`: what a step of the user's is given, and that it trains alike in every mode and on replicas."""

from types import SimpleNamespace

import numpy as np
import pytest

from exp.data import Feed, ImageTransforms, Order, Spec, array_split, plan_calls, training_dataset
from exp.data.dataset import Dataset
from exp.errors import UserError
from exp.exec import Batches, Program
from tests.support.tasks import Regression
from tests.support.training import fresh_executor, strategy_over

MODES = ("eager", "function", "session")
FEATURES, TARGETS = Spec((), "int32"), Spec((2,), "float32")
RANDOM = np.random.default_rng(0)
TOKENS = RANDOM.integers(0, 5, 43).astype(np.int32)
VALUES = RANDOM.normal(size=(43, 2)).astype(np.float32)
NO_MEAN = "its gradients of the whole batch are not the mean of those of its parts"
BATCH = 7
"""Two replicas have three and four rows of it."""


def dataset() -> Dataset:
    split = array_split(TOKENS, VALUES)
    return Dataset(
        name="own", source="made", train=split, test=split, features=FEATURES, targets=TARGETS, fingerprint="0"
    )


def means(model, optimizer, features, targets):
    """What the built-in step does."""
    import tensorflow as tf

    with tf.GradientTape() as tape:
        losses = tf.reduce_mean((model(features, training=True) - targets) ** 2, axis=1)
        loss = tf.reduce_mean(losses)
    optimizer.minimize(loss, model.trainable_variables, tape)
    return losses


def sums(model, optimizer, features, targets):
    """Not means: a sum grows with the batch."""
    import tensorflow as tf

    with tf.GradientTape() as tape:
        loss = tf.reduce_sum((model(features, training=True) - targets) ** 2)
    weights = model.trainable_variables
    optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
    return loss


def clipped(model, optimizer, features, targets):
    """Gradients clipped by hand: not those of the sum, if replicas clip theirs."""
    import tensorflow as tf

    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((model(features, training=True) - targets) ** 2)
    weights = model.trainable_variables
    gradients, _ = tf.clip_by_global_norm([tf.convert_to_tensor(g) for g in tape.gradient(loss, weights)], 0.01)
    optimizer.apply_gradients(zip(gradients, weights, strict=True))
    return loss


def counting(model, optimizer, features, targets):
    """Right gradients, and a loss that is a sum."""
    import tensorflow as tf

    losses = means(model, optimizer, features, targets)
    return {"loss": losses, "hits": tf.reduce_sum(losses)}


def noisy_sums(model, optimizer, features, targets):
    """A sum, and random numbers of its own."""
    import tensorflow as tf

    with tf.GradientTape() as tape:
        outputs = model(features, training=True)
        loss = tf.reduce_sum((outputs - targets + tf.random.normal(tf.shape(outputs))) ** 2)
    optimizer.minimize(loss, model.trainable_variables, tape)
    return loss


def assigning(model, optimizer, features, targets):
    """Changes weights itself, after a right update."""
    losses = means(model, optimizer, features, targets)
    for weight in model.trainable_variables:
        weight.assign(weight * 0.5)
    return losses


def normalized(model, optimizer, features, targets):
    """Means, of outputs that batch normalization makes of the whole batch; and random numbers of its own."""
    import tensorflow as tf

    with tf.GradientTape() as tape:
        outputs = model(features, training=True)
        outputs = (outputs - tf.reduce_mean(outputs, axis=0)) / (tf.math.reduce_std(outputs, axis=0) + 1)
        outputs += tf.random.normal(tf.shape(outputs)) / 10
        loss = tf.reduce_mean((outputs - targets) ** 2)
    optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
    return {"fit": loss, "half": loss / 2}


def made(tf, mode: str, replicas: int, function=None, layers=list) -> SimpleNamespace:
    import keras

    from exp.exec.own_function import STEP_GIVEN, OwnFunction
    from exp.exec.own_step import OwnStep
    from exp.exec.probe import probe

    strategy = strategy_over(replicas)
    executor = fresh_executor(mode)
    with executor.scope():
        with strategy.scope():
            model = keras.Sequential([keras.Input((), dtype="int32"), keras.layers.Embedding(5, 2), *layers()])
            optimizer = keras.optimizers.SGD(0.1)
            optimizer.build(model.trainable_variables)
        own = (
            OwnStep(OwnFunction("task.step", function, given=STEP_GIVEN, weighted=False), seed=0) if function else None
        )
        program = Program(
            model=model,
            optimizer=optimizer,
            task=Regression(),
            strategy=strategy,
            batch_size=BATCH,
            steps_per_call=1,
            features=FEATURES,
            targets=TARGETS,
            own_step=own,
        )
        if own:
            probe(program, makes_graph=executor.makes_graph)
        executor.prepare(program)
    feed = Feed(BATCH, 1, ImageTransforms([], features=FEATURES), threads=1, prefetch=1)
    return SimpleNamespace(executor=executor, program=program, feed=feed)


def trained(run, *, last: int = 8) -> tuple[np.ndarray, list[np.ndarray]]:
    calls, losses = plan_calls(first=0, last=last, steps_per_call=1, every=last), []
    order = Order(seed=0, size=43, buffer_size=43, batch_size=BATCH)
    batches = Batches(calls, training_dataset(dataset().train, order, calls, run.feed))
    run.executor.train(batches, lambda first, found, details: losses.extend(found) or True)
    with run.executor.scope():
        return np.array(losses), [np.array(value) for value in run.executor.read(run.program.model.weights)]


@pytest.fixture(scope="module")
def reference(tf):
    """By the built-in step."""
    return trained(made(tf, "function", 1))


@pytest.mark.parametrize("replicas", [1, 2])
@pytest.mark.parametrize("mode", MODES)
def test_it_trains_as_the_built_in_step_does(tf, reference, mode, replicas):
    """Sparse gradients of an embedding, and replicas with different numbers of rows, included."""
    losses, weights = trained(made(tf, mode, replicas, means))
    np.testing.assert_allclose(losses, reference[0], rtol=1e-5)
    np.testing.assert_allclose(weights, reference[1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("mode", "function", "message"),
    [
        pytest.param("eager", sums, NO_MEAN, marks=pytest.mark.slow),
        pytest.param("session", sums, NO_MEAN, marks=pytest.mark.slow),
        ("function", sums, NO_MEAN),
        ("function", clipped, NO_MEAN),
        ("function", counting, r"its loss hits \(.* from parts\) is no mean"),
        ("function", noisy_sums, "its gradients are larger for more rows"),
    ],
)
def test_what_is_no_mean_is_refused_on_replicas(tf, mode, function, message):
    from exp.run.own_trial import check_own

    run = made(tf, mode, 2, function)
    with pytest.raises(UserError, match=message):
        check_own(run.program, dataset(), run.executor)
    alone = made(tf, mode, 1, function)
    assert check_own(alone.program, dataset(), alone.executor) == ()


@pytest.mark.parametrize(
    ("mode", "function", "told"),
    [
        pytest.param("eager", means, 0, marks=pytest.mark.slow),
        pytest.param("session", assigning, 0, marks=pytest.mark.slow),
        ("function", means, 0),
        ("session", means, 0),
        ("function", assigning, 0),
        ("function", normalized, 1),  # random numbers of its own: it cannot be known whether replicas agree
    ],
)
def test_trying_a_step_out_changes_nothing(tf, mode, function, told):
    from exp.run.own_trial import check_own

    run = made(tf, mode, 2, function)
    with run.executor.scope():
        before = [np.array(value) for value in run.executor.read(run.program.model.weights)]
    assert len(check_own(run.program, dataset(), run.executor)) == told
    with run.executor.scope():
        for value, now in zip(before, run.executor.read(run.program.model.weights), strict=True):
            np.testing.assert_array_equal(value, now)


def test_an_eager_step_is_told_what_no_checkpoint_holds(tf):
    from exp.exec.probe import probe

    (note,) = probe(made(tf, "eager", 1, normalized).program, makes_graph=False).notes
    assert note.startswith("RandomStandardNormal: the state of these random numbers is in no checkpoint")
    (note,) = probe(made(tf, "eager", 1, branching).program, makes_graph=False).notes
    assert note == "task.step: makes no graph, so that it is not known what it draws or keeps"


@pytest.mark.parametrize(("function", "told"), [(means, 1), (sums, None)])
@pytest.mark.parametrize("mode", ["function", pytest.param("session", marks=pytest.mark.slow)])
def test_with_dropout_only_the_size_of_gradients_can_be_compared(tf, mode, function, told):
    import keras

    from exp.run.own_trial import check_own

    run = made(tf, mode, 2, function, lambda: [keras.layers.Dropout(0.5)])
    if told is None:
        with pytest.raises(UserError, match="its gradients are larger for more rows"):
            check_own(run.program, dataset(), run.executor)
    else:
        (note,) = check_own(run.program, dataset(), run.executor)
        assert "gives other gradients each time for the same batch" in note


@pytest.mark.parametrize("function", [means, sums])
def test_with_batch_normalization_rows_are_compared_with_themselves(tf, function):
    import keras

    from exp.run.own_trial import check_own

    run = made(tf, "function", 2, function, lambda: [keras.layers.BatchNormalization()])
    if function is means:
        assert check_own(run.program, dataset(), run.executor) == ()
    else:
        with pytest.raises(UserError, match="its gradients change if each row is taken several times"):
            check_own(run.program, dataset(), run.executor)


def test_several_losses_have_names_and_their_sum_is_the_loss(tf):
    run = made(tf, "eager", 1, normalized)
    losses, _ = trained(run)
    assert run.program.own_step.names == ("fit", "half")
    assert losses.shape == (8, 3)
    np.testing.assert_allclose(losses[:, 0], losses[:, 1] + losses[:, 2], rtol=1e-6)


def frozen_noise(model, optimizer, features, targets):
    return means(model, optimizer, features, targets) * np.random.default_rng().random()


def setting(model, optimizer, features, targets):
    optimizer.learning_rate = 0.5


def listed(model, optimizer, features, targets):
    return [means(model, optimizer, features, targets), 3.0]


def short(model, optimizer, features, targets):
    return means(model, optimizer, features, targets)[:2]


def textual(model, optimizer, features, targets):
    import tensorflow as tf

    means(model, optimizer, features, targets)
    return tf.constant("much")


def branching(model, optimizer, features, targets, step):
    if step % 5 == 0:
        means(model, optimizer, features, targets)
    return 1.0


def idle(model, optimizer, features, targets):
    return 1.0


def wordy(model, optimizer, features, targets):
    means(model, optimizer, features, targets)
    return {"a/b": 1.0}


def late(model, optimizer, features, targets):
    import tensorflow as tf

    with tf.GradientTape() as tape:
        losses = model(features, training=True)
    optimizer.minimize(tf.reduce_mean(losses), model.trainable_variables, tape)


def speechless(model, optimizer, features, targets):
    means(model, optimizer, features, targets)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (idle, "does not apply the optimizer that it is given, so that nothing would be trained"),
        (frozen_noise, "another value of Python or NumPy is in it each time that it is traced"),
        (setting, r"optimizer\.learning_rate cannot be set in a step; optimizer\.learning_rate\.assign"),
        (listed, r"gives \[.*\], not a loss"),
        (short, "gives 2 numbers for 7 rows"),
        (textual, "gives a tensor of string, not a loss"),
        (branching, r"in a graph tf\.cond or tf\.where decides by a tensor, not `if`"),
        (wordy, "names a loss 'a/b'"),
        (late, r"compute it, its mean included, under the tape \(tests/exec/test_own_step.py, line \d+, in late\)"),
        (speechless, "gives null, not a loss"),
    ],
)
def test_what_is_no_step_is_refused_before_training(tf, function, message):
    with pytest.raises(UserError, match=message):
        made(tf, "function", 1, function)


def test_a_function_gets_what_it_names(tf):
    from exp.exec.own_function import OwnFunction

    given = ("model", "weights")
    assert OwnFunction("k", lambda model: model, given=given, weighted=False)(model=1, weights=2) == 1
    assert OwnFunction("k", lambda **all_of_it: all_of_it, given=given, weighted=False)(model=1, weights=2) == {
        "model": 1,
        "weights": 2,
    }
    with pytest.raises(UserError, match="k: takes noise, which nothing gives"):
        OwnFunction("k", lambda model, noise: model, given=given, weighted=False)
    with pytest.raises(UserError, match="k: does not take `weights`, and the data set has some"):
        OwnFunction("k", lambda model: model, given=given, weighted=True)
