"""The user's own functions in a run: what does not fit together is one sentence, before training."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from exp.data import Spec, array_split
from exp.data.dataset import LABELS, Dataset
from exp.errors import UserError
from tests.support import own_steps
from tests.support.requests import requested
from tests.support.training import strategy_over

SHAPE = (4, 4, 1)
STEPS = "tests.support.own_steps"


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    random = np.random.default_rng(0)
    pictures, labels = random.integers(0, 256, (43, *SHAPE), np.uint8), random.integers(0, 3, 43).astype(np.int32)
    split = array_split(pictures, labels)
    names = ("a", "b", "c")
    return Dataset(
        name="own",
        source="made",
        train=split,
        test=split,
        features=Spec(SHAPE, "uint8"),
        targets=LABELS,
        class_names=names,
        fingerprint="0",
    )


def config(*overrides: str) -> Any:
    return requested("trusted_targets=[tests.]", *overrides, preflight=False).config


def task(measure: Any = own_steps.errors) -> Any:
    from exp.task.own import create

    return create(measure=measure, metrics={"wrong": "min"})


STEP = f"task.step={{_target_: {STEPS}.in_turn}}"
PAIR = [f"model._target_={STEPS}.pair", "~model.hidden"]
ADAMS = ["~optimizer.learning_rate", "~optimizer.beta_1", "~optimizer.beta_2", "~optimizer.epsilon"]
TWO_RATES = [f"optimizer._target_={STEPS}.two_rates", *ADAMS, "+optimizer.first=0.1", "+optimizer.second=0.001"]


def network(dataset, *overrides: str, task: Any):
    from exp.run.network import build_network

    known = {"dataset": dataset, "task": task, "features": dataset.features}
    return build_network(config(*overrides), **known, replicas=1, total_steps=10)


def test_each_model_has_an_optimizer_of_its_own(tf, dataset):
    made = network(dataset, *PAIR, STEP, task=task())
    first, second = made.optimizer.by_name.values()
    assert made.model.names == made.optimizer.names == ("first", "second")
    assert first is not second
    assert len(first.variables) + len(second.variables) == 2 * (2 + 2 * 2)


def test_a_function_may_give_optimizers_by_name(tf, dataset):
    made = network(dataset, *PAIR, STEP, *TWO_RATES, task=task())
    assert {name: type(one).__name__ for name, one in made.optimizer.by_name.items()} == {
        "first": "SGD",
        "second": "Adam",
    }


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (PAIR, r"task\.step=null: several models or optimizers \(first, second\) are trained by a step of your own"),
        (
            [*PAIR, STEP, f"optimizer._target_={STEPS}.misnamed", *ADAMS],
            f"optimizer={STEPS}.misnamed: gives an optimizer for third, and the model has no part that is called so",
        ),
    ],
)
def test_names_that_do_not_fit_are_refused(tf, dataset, overrides, message):
    with pytest.raises(UserError, match=message):
        network(dataset, *overrides, task=task())


def test_a_task_that_calls_one_model_refuses_several(tf, dataset):
    from exp.task import Classification

    with pytest.raises(UserError, match="gives several models, first, second, and task=classification calls one"):
        network(dataset, *PAIR, STEP, task=Classification(classes=3))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"layers": None}, "gives a model with the name 'layers', which is taken"),
        ({"a b": None}, "gives a model with the name 'a b'"),
        ({"a": 3}, "gives as a a int, not a keras.Model"),
    ],
)
def test_what_is_no_model_is_refused(tf, given, message):
    from exp.exec.named import NamedModels

    with pytest.raises(UserError, match=message):
        NamedModels(given)


def test_a_model_that_is_not_built_is_refused(tf):
    import keras

    from exp.exec.named import NamedModels

    with pytest.raises(UserError, match="gives as a a model without weights"):
        NamedModels({"a": keras.Sequential([keras.layers.Dense(2)])})


def test_an_argument_that_a_step_does_not_take_is_refused_with_the_one_that_was_meant():
    with pytest.raises(UserError, match=r"^task\.step\.strenght: .* did you mean task\.step\.strength\?$"):
        config(f"task.step={{_target_: {STEPS}.penalized, strenght: 3}}")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ([f"task.step={{_target_: {STEPS}.asking}}"], "takes temperature, which nothing gives; a run gives model, "),
        (
            [f"task.step={{_target_: {STEPS}.penalised}}"],
            "cannot be found .*; did you mean tests.support.own_steps.pen",
        ),
        ([f"task.step={{_target_: {STEPS}.Trainer}}"], "is a class, and must be a function"),
        ([f"task.step={{_target_: {STEPS}.Trainer.step}}"], "is a method; a target is a function or a class"),
        ([f"task.step={{_target_: {STEPS}.decorated}}"], "is a tf.function; leave the decorator out"),
    ],
)
def test_a_step_that_cannot_be_called_is_refused(tf, dataset, overrides, message):
    from exp.run.own_functions import own_functions
    from exp.task import Classification

    with pytest.raises(UserError, match=rf"^task\.step\._target_={STEPS}\.[\w.]+: {message}"):
        own_functions(config(*overrides), Classification(classes=3), dataset)


def test_what_is_measured_by_ones_own_function_is_trained_by_ones_own_step(tf, dataset):
    from exp.run.own_functions import own_functions

    with pytest.raises(UserError, match=r"^task\.step=null: what task\.measure measures is trained by a step of your"):
        own_functions(config(), task(), dataset)


def program(tf, dataset, measure: Any) -> SimpleNamespace:
    """A program that measures, and its executor."""
    from exp.exec import Program, make_executor
    from exp.run.own_functions import own_functions

    made = network(dataset, *PAIR, STEP, task=task(measure))
    own = own_functions(config(STEP), task(measure), dataset)
    executor = make_executor("function", session_config=None)
    program = Program(
        model=made.model,
        optimizer=made.optimizer,
        task=task(measure),
        strategy=strategy_over(1),
        batch_size=10,
        steps_per_call=1,
        features=dataset.features,
        targets=dataset.targets,
        own_step=own.step,
        measure=own.measure,
    )
    executor.prepare(program)
    return SimpleNamespace(program=program, executor=executor)


@pytest.mark.parametrize(
    ("measure", "message"),
    [
        (own_steps.nameless, "must give loss, wrong, by name, and gives loss"),
        (own_steps.averaged, r"gives loss with the shape \(\); must be one number for each row"),
        (own_steps.relative, "loss of a row depends on the other rows of its batch"),
    ],
)
def test_a_measure_that_is_not_one_of_rows_is_refused(tf, dataset, measure, message):
    from exp.run.own_trial import check_own

    made = program(tf, dataset, measure)
    with pytest.raises(UserError, match=rf"^task\.measure: {message}"):
        check_own(made.program, dataset, made.executor)


def test_a_measure_is_the_mean_over_all_examples_whatever_the_batches(tf, dataset):
    from exp.data import Feed, ImageTransforms, evaluation_dataset
    from exp.data.split import read_examples
    from exp.run.own_trial import check_own

    made = program(tf, dataset, own_steps.errors)
    check_own(made.program, dataset, made.executor)
    feed = Feed(10, 1, ImageTransforms([], features=dataset.features), threads=1, prefetch=1)
    found = made.executor.evaluate(evaluation_dataset(dataset.test, feed))
    pictures, labels = read_examples(dataset.test, range(43))
    logits = made.program.model["second"](made.program.model["first"](np.asarray(pictures) / np.float32(255))).numpy()
    losses = np.log(np.exp(logits.astype(np.float64)).sum(axis=1)) - logits[np.arange(43), labels]
    assert found.examples == 43
    assert found.loss == pytest.approx(losses.mean(), rel=1e-5)
    assert found.metrics == {"wrong": (logits.argmax(axis=1) != labels).mean()}


def test_one_of_several_models_is_frozen_by_its_name(tf, dataset):
    made = network(dataset, *PAIR, STEP, "model.frozen=[first/*]", task=task())
    assert not made.model["first"].trainable_variables
    assert len(made.model["second"].trainable_variables) == 2


def test_a_measure_that_makes_no_graph_is_found_out_before_training(tf, dataset):
    from exp.run.own_trial import check_own

    made = program(tf, dataset, own_steps.only_eager)
    with pytest.raises(UserError, match=r"^task\.measure: AttributeError: .* \(own_steps.py, line"):
        check_own(made.program, dataset, made.executor)


def test_a_function_that_lacks_arguments_is_handed_on(tf):
    """Such as a loss of one's own; one that has all of its arguments is called."""
    from exp.config import Target
    from exp.run.instantiate import instantiate

    node = {"measure": {"_target_": f"{STEPS}.errors"}, "metrics": {"wrong": "min"}}
    made = instantiate("task", Target(name="exp.task.own.create", arguments=node), ["tests."])
    assert made.measure.func is own_steps.errors
    called = {"measure": {"_target_": f"{STEPS}.misnamed"}, "metrics": {}}
    with pytest.raises(UserError, match=r"^task\.measure=\{.*\}: must be a node that names a function of your own"):
        instantiate("task", Target(name="exp.task.own.create", arguments=called), ["tests."])
