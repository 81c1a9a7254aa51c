"""The bench for GPUs, tried in tiny sizes on a CPU: all train the same, and one that fails stops nobody."""

import json
import sys

import numpy as np
import pytest

from benchmarks.gpu import main
from benchmarks.gpu_report import table
from benchmarks.gpu_tensorflow import flops, keras_model
from benchmarks.gpu_work import SMOKE, WORKS, overrides
from exp.model import cnn, conv_catsdogs
from exp.tools.program import composed

OURS = {
    "cnn-50": lambda: cnn.create(input_shape=(28, 28, 1), classes=10, filters=[32, 64], kernel_size=5, hidden=1024),
    "photographs": lambda: conv_catsdogs.create(input_shape=(128, 128, 3), classes=2, filters=32, hidden=64),
}


@pytest.mark.parametrize("work", OURS)
def test_the_networks_are_the_same(tf, work):
    model = OURS[work]()
    model.build((None, *WORKS[work].shape))
    assert [weight.shape for weight in model.weights] == [weight.shape for weight in keras_model(WORKS[work]).weights]


@pytest.mark.parametrize("work", OURS)
def test_pytorch_has_as_many_weights(tf, work):
    pytest.importorskip("torch")
    from benchmarks.gpu_torch import network

    expected = sum(int(np.prod(weight.shape)) for weight in keras_model(WORKS[work]).trainable_variables)
    assert sum(weight.numel() for weight in network(WORKS[work]).parameters()) == expected


def test_operations_are_counted(tf):
    forward = [28 * 28 * 25 * 32, 14 * 14 * 25 * 32 * 64, 7 * 7 * 64 * 1024, 1024 * 10]
    assert flops(WORKS["cnn-50"]) == 50 * 2 * (3 * sum(forward) - forward[0])


@pytest.mark.parametrize("work", WORKS)
def test_a_work_is_a_command_line(work):
    config = composed(overrides(WORKS[work], precision="bfloat16"))
    assert config.data.batch_size == WORKS[work].batch_size
    assert config.train.precision == "mixed_bfloat16"


@pytest.mark.timeout(300)
def test_one_that_fails_is_named_and_the_others_are_measured(monkeypatch, capsys, tmp_path):
    line = ["--cpu-smoke", "--works", "cnn-50", "--precisions", "float32", "--out", str(tmp_path)]
    line += ["--torch-python", str(tmp_path / "no-python"), "--only", "exp", "handbook, @tf.function", "PyTorch"]
    (tmp_path / "no-python").write_text(
        f"#!/bin/sh\nexec {sys.executable} -c 'raise ImportError(\"no PyTorch here\")'\n"
    )
    (tmp_path / "no-python").chmod(0o755)
    monkeypatch.setattr("sys.argv", ["gpu.py", *line])
    assert main() == 0
    (case,) = json.loads((tmp_path / "gpu.json").read_text())["cases"]
    assert case["batch_size"] == SMOKE["cnn-50"].batch_size
    assert case["failed"] == {"PyTorch": "ended with status 1: ImportError: no PyTorch here"}
    assert {name: len(values) for name, values in case["milliseconds"].items()} == {
        "exp": 2,
        "handbook, @tf.function": 2,
    }
    assert "- PyTorch failed: ended with status 1" in capsys.readouterr().out


def test_the_table_has_the_share_of_the_card_and_ratios():
    figures = {"exp": [2.0, 1.0, 9.0], "Keras fit": [8.0]}
    case = {"heading": "h", "precision": "bfloat16", "batch_size": 50, "flops": 10**12, "milliseconds": figures}
    lines = table([{**case, "failed": {}}], {"bfloat16": 1000.0}).splitlines()
    assert "| exp | 2.000 | 1.000 to 9.000 | 25,000 | 500.00 | 50.0% | 1.00 of it |" in lines
    assert "| Keras fit | 8.000 | 8.000 to 8.000 | 6,250 | 125.00 | 12.5% | 0.25 of it |" in lines


def test_without_a_gpu_it_says_how_to_try_it(monkeypatch, capsys):
    monkeypatch.setattr("benchmarks.gpu.has_gpu", lambda: False)
    monkeypatch.setattr("sys.argv", ["gpu.py"])
    assert main() == 2
    assert "--cpu-smoke" in capsys.readouterr().err
