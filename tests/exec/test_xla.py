"""`exec.jit_compile=auto`: known from the network, the same at every start."""

from types import SimpleNamespace

import numpy as np
import pytest

from exp.errors import UserError
from tests.support.training import probed

SHAPE = (28, 28, 1)


def decide(model, *, wanted="auto", makes_graph=True, training=True, devices=("CPU:0",)):
    from exp.exec.xla import decide_jit

    found = probed(model, shape=SHAPE, classes=10, makes_graph=makes_graph) if training else None
    return decide_jit(SimpleNamespace(jit_compile=wanted), found, devices=devices)


@pytest.fixture(scope="module")
def networks(tf):
    import keras

    from exp.model import cnn, mlp

    def odd(pictures):
        return tf.ensure_shape(tf.numpy_function(lambda x: x, [pictures], tf.float32), pictures.shape)

    layers = keras.layers
    built = {
        "mlp": mlp.create(input_shape=SHAPE, classes=10, hidden=8),
        "cnn": cnn.create(input_shape=SHAPE, classes=10, filters=[2], kernel_size=3, hidden=8),
        "python": keras.Sequential([layers.Lambda(odd), layers.Flatten(), layers.Dense(10)]),
        "dropout": keras.Sequential([layers.Flatten(), layers.Dropout(0.5), layers.Dense(10)]),
        "regularized": keras.Sequential([layers.Flatten(), layers.Dense(10, "tanh", kernel_regularizer="l2")]),
    }
    for model in built.values():
        model.build((None, *SHAPE))
        model(np.zeros((1, *SHAPE), np.float32))
    return built


@pytest.mark.parametrize(
    ("network", "against"),
    [("mlp", None), ("regularized", None), ("cnn", "Conv2D, MaxPool"), ("python", "PyFunc"), ("dropout", "Stateless")],
)
def test_dense_networks_gain_and_what_is_not_known_does_not(networks, network, against):
    compiled, note = decide(networks[network])
    assert compiled is (against is None)
    assert note.startswith("exec.jit_compile=auto: yes" if compiled else "exec.jit_compile=auto: no; XLA is not known")
    assert (against or "") in note


def test_replicas_and_gpus_are_not_compiled_by_themselves(networks):
    assert decide(networks["mlp"], devices=("CPU:0", "CPU:1"))[0] is False
    assert decide(networks["mlp"], devices=("GPU:0",))[0] is False


def test_eager_and_tests_have_nothing_to_say(networks):
    assert decide(networks["mlp"], makes_graph=False) == (False, None)
    assert decide(networks["mlp"], training=False) == (False, None)


@pytest.mark.parametrize("wanted", [True, False])
def test_who_says_it_is_heard(networks, wanted):
    assert decide(networks["cnn"], wanted=wanted) == (wanted, None)


@pytest.mark.parametrize(
    ("devices", "deterministic", "refused"),
    [(["GPU:0"], True, True), (["GPU:0"], False, False), (["CPU:0"], True, False)],
)
def test_max_pooling_that_has_to_be_deterministic_is_not_compiled_on_a_gpu(devices, deterministic, refused):
    from exp.exec.probe import Probe
    from exp.exec.xla import decide_jit

    pooling = Probe(frozenset({"Conv2D", "MaxPool"}), (), ())
    wanted = SimpleNamespace(jit_compile=True)
    if refused:
        with pytest.raises(
            UserError, match=r"^exec.jit_compile=true: XLA has no deterministic gradient of MaxPool on a GPU"
        ):
            decide_jit(wanted, pooling, devices=devices, deterministic=deterministic)
    else:
        assert decide_jit(wanted, pooling, devices=devices, deterministic=deterministic) == (True, None)
