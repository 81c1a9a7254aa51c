"""The bench compares like with like: the same networks, and ratios of medians."""

import json

import numpy as np
import pytest

from benchmarks import rivals
from benchmarks.speed import main
from benchmarks.speed_report import write_report
from exp.model import cnn, mlp

OURS = {
    "mlp": lambda: mlp.create(input_shape=(28, 28, 1), classes=10, hidden=100),
    "cnn": lambda: cnn.create(input_shape=(28, 28, 1), classes=10, filters=[32, 64], kernel_size=5, hidden=1024),
}


def work(network):
    pictures = np.random.default_rng(0).random((200, 28, 28, 1), np.float32)
    return rivals.Work(network, 50, 2, pictures, np.arange(200, dtype=np.int32) % 10)


@pytest.mark.parametrize("network", OURS)
def test_the_networks_are_the_same(tf, network):
    model = OURS[network]()
    model.build((None, 28, 28, 1))
    theirs = rivals._keras_model(work(network))
    assert [weight.shape for weight in model.weights] == [weight.shape for weight in theirs.weights]


@pytest.mark.parametrize("name", [name for name in rivals.RIVALS if "PyTorch" not in name])
def test_a_rival_trains_and_tells_its_seconds(tf, name):
    assert rivals.make(name, work("mlp"))(3) > 0


def test_the_report_has_medians_and_ratios(tmp_path):
    figures = {"exp function": [1.0, 2.0, 9.0], "Keras fit": [8.0, 7.0, 1.0]}
    report = {"rounds": 3, "ms_per_step": {"mlp, batch 50": figures}}
    table = write_report(report, tmp_path)
    assert "| Keras fit | 7.000 | 1.000 to 8.000 | 0.29 of it |" in table
    assert json.loads((tmp_path / "results.json").read_text()) == report
    assert (tmp_path / "speed.png").stat().st_size > 1000


def test_what_is_not_to_be_measured_is_named(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["speed.py", "--only", "Keras fits"])
    assert main() == 2
    assert "--only Keras fits: must be one of handbook, eager" in capsys.readouterr().err
