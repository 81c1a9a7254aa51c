"""Only trusted code can be named by a `_target_`."""

import sys

import pytest

from exp.config.arguments import argument_errors
from exp.config.targets import Target, check_trusted, locate, needed_prefixes, nested_targets
from exp.errors import UserError


@pytest.mark.parametrize(
    "name",
    [
        "os.system",
        "tensorflow.io.gfile.rmtree",
        "exp.run_folder.new.new_folder",
        "exp.cli.main.main",
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
        "exp.data.images.cache_dir.made_once",
        "exp.data.mnist.gzip.load",
        "exp.optimizer.by_name.Any",
        "exp.model.mlp.absent",
        "exp.model.absent.create",
        "keras.optimizers.deserialize",  # a function that can make anything
        "keras.optimizers.absent",
    ],
)
def test_what_a_name_leads_to_must_be_at_home_there(name):
    with pytest.raises(UserError, match=r"not trusted to run|cannot be found|not a (function or )?class"):
        locate("model", name, trusted=())


@pytest.fixture
def strange(tmp_path, monkeypatch):
    """A package that offers what it defines elsewhere, and has imported what is not its own."""
    files = {
        "__init__.py": "import os\nfrom os import system\nfrom subprocess import Popen\nfrom functools import partial\n"
        "from strange.inner.net import Net\nmade = partial(system, 'true')\n"
        "class Kind:\n    run = staticmethod(system)\n",
        "inner/__init__.py": "",
        "inner/net.py": "import shutil\nclass Net:\n    def method(self): ...\ndef create(): ...\n",
        "listed.py": "__all__ = ['shown']\ndef shown(): ...\ndef helper(): ...\n",
    }
    for name, text in files.items():
        path = tmp_path / "strange" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "strange"]:
        del sys.modules[name]


@pytest.mark.usefixtures("strange")
@pytest.mark.parametrize(
    "name", ["strange.Net", "strange.inner.net.Net", "strange.inner.net.create", "strange.listed.shown"]
)
def test_what_a_trusted_package_offers_is_found_wherever_it_defines_it(name):
    assert locate("model", name, trusted=["strange."]).__name__ == name.rpartition(".")[2]


@pytest.mark.usefixtures("strange")
@pytest.mark.parametrize(
    "name",
    [
        "strange.os.system",
        "strange.system",
        "strange.Popen",
        "strange.partial",
        "strange.made",
        "strange.Kind.run",
        "strange.inner.net.shutil.rmtree",
        "strange.inner.net.Net.method",
        "strange.inner.net",
        "strange.listed.helper",
        "strange.__builtins__.exec",
        "strange.inner.net.Net.__init__",
        "strangers.Net",
        "strange..Net",
        "exp.model.mlp.os.remove",
        "exp.run_folder.new.new_folder",
        "exp.data.mnist.count",
    ],
)
def test_trusting_a_package_trusts_nothing_else(name):
    with pytest.raises(UserError, match=r"^model\._target_|^model=|not trusted to run"):
        locate("model", name, trusted=["strange."])


def test_what_keras_offers_is_defined_elsewhere():
    import keras

    name = "keras.applications.MobileNetV2"
    assert locate("model", name, trusted=["keras.applications."]) is keras.applications.MobileNetV2
    for name in (
        "keras.utils.get_file",
        "keras.applications.keras_export",
        "keras.src.applications.mobilenet_v2.MobileNetV2",
    ):
        with pytest.raises(UserError):
            locate("model", name, trusted=["keras.applications."])


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
    errors, known = argument_errors("model", target, trusted=())
    assert {(error["loc"], error["type"]) for error in errors} == {
        (("model", "hidden"), "int_type"),
        (("model", "depth"), "extra_forbidden"),
    }
    assert known == ["model.hidden"]


def test_what_exp_supplies_cannot_be_configured():
    target = Target(name="exp.model.mlp.create", arguments={"hidden": 3, "classes": 10})
    errors, _ = argument_errors("model", target, trusted=())
    assert [error["type"] for error in errors] == ["extra_forbidden"]


@pytest.mark.parametrize(
    ("name", "short"),
    [("exp.model.mlp.create", "mlp"), ("exp.data.mnist.load", "mnist"), ("keras.optimizers.RMSprop", "RMSprop")],
)
def test_short_names(name, short):
    assert Target(name=name, arguments={}).short_name == short


def test_only_the_prefixes_that_a_configuration_uses_are_needed():
    tree = {"model": {"_target_": "mine.net.create", "inner": [{"_target_": "other.Part"}]}, "seed": 0}
    assert needed_prefixes(tree, ["mine.", "os.", "other."]) == ["mine.", "other."]
