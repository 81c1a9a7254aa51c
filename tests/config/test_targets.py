"""Only trusted code can be named by a `_target_`."""

import pytest

from exp.config.targets import Target, argument_errors, check_trusted, locate, nested_targets
from exp.errors import UserError


@pytest.mark.parametrize(
    "name",
    [
        "os.system",
        "tensorflow.io.gfile.rmtree",
        "exp.outputs.new_folder",
        "exp.cli.main",
        "exp",
        "exp.model.mlp.__builtins__.exec",
        "exp.model._private.create",
        "builtins.eval",
        "",
        None,
        3,
    ],
)
def test_untrusted_names_are_refused(name):
    with pytest.raises(UserError, match=r"^model\._target_=.*: not trusted to run"):
        check_trusted("model._target_", name, ())


def test_a_prefix_can_be_trusted():
    check_trusted("model._target_", "my_models.resnet.create", ["my_models."])
    with pytest.raises(UserError):
        check_trusted("model._target_", "my_modelsx.create", ["my_models."])


@pytest.mark.parametrize(
    "name",
    [
        "exp.data.mnist.gzip.decompress",  # a module that ours imported
        "exp.data.mnist.Path",  # a class that ours imported
        "exp.data.mnist.TRAIN",  # not callable
        "exp.data.mnist.count",  # a helper, not what makes a data set
        "exp.data.pictures.store.made_once",
        "exp.data.mnist.gzip.load",
        "exp.optimizer.Any",
        "exp.model.mlp.absent",
        "exp.model.absent.create",
        "keras.optimizers.deserialize",  # a function that can make anything
        "keras.optimizers.absent",
    ],
)
def test_what_a_name_leads_to_must_be_at_home_there(name):
    with pytest.raises(UserError, match=r"not trusted to run|cannot be found|not a function or class of"):
        locate("model", name, trusted=())


def test_our_functions_and_keras_classes_are_found():
    import keras

    from exp.model.mlp import create

    assert locate("model", "exp.model.mlp.create", trusted=()) is create
    assert locate("optimizer", "keras.optimizers.RMSprop", trusted=()) is keras.optimizers.RMSprop


def test_nested_targets_are_all_found():
    node = {"_target_": "a", "x": [{"_target_": "b"}, {"y": {"_target_": "c"}}]}
    assert list(nested_targets(node, "model")) == [
        ("model._target_", "a"),
        ("model.x[0]._target_", "b"),
        ("model.x[1].y._target_", "c"),
    ]


def test_arguments_are_compared_with_the_signature():
    target = Target(name="exp.model.mlp.create", arguments={"hidden": "wide", "depth": 2})
    errors, known = argument_errors("model", target, supplied=("input_shape", "classes"))
    assert {(error["loc"], error["type"]) for error in errors} == {
        (("model", "hidden"), "int_type"),
        (("model", "depth"), "extra_forbidden"),
    }
    assert known == ["model.hidden"]


def test_what_exp_supplies_cannot_be_configured():
    target = Target(name="exp.model.mlp.create", arguments={"hidden": 3, "classes": 10})
    errors, _ = argument_errors("model", target, supplied=("input_shape", "classes"))
    assert [error["type"] for error in errors] == ["extra_forbidden"]


@pytest.mark.parametrize(
    ("name", "short"),
    [("exp.model.mlp.create", "mlp"), ("exp.data.mnist.load", "mnist"), ("keras.optimizers.RMSprop", "RMSprop")],
)
def test_short_names(name, short):
    assert Target(name=name, arguments={}).short_name == short
