"""The bench of sweeps counts only sweeps that did their work, and tells what each took."""

import json
import struct

import pytest

from benchmarks.sweep_contestants import CONTESTANTS, proven_accuracies
from benchmarks.sweep_report import write_report
from benchmarks.sweep_speed import main


def a_run(folder, *, accuracy=0.95, records=120, checkpoint=b"weights"):
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "checkpoints" / "step-1200").write_bytes(checkpoint)
    (folder / "results.json").write_text(json.dumps({"test": {"accuracy": accuracy}}))
    event = struct.pack("<Q4x", 3) + b"abc" + bytes(4)
    (folder / "events.out.tfevents.1").write_bytes(event * records)


def test_runs_that_trained_saved_and_logged_count(tmp_path):
    for number in range(3):
        a_run(tmp_path / f"seed-{number}", accuracy=0.95 + number / 100)
    assert proven_accuracies(tmp_path, 3) == [0.95, 0.96, 0.97]


@pytest.mark.parametrize(
    ("lack", "message"),
    [
        ({"accuracy": 0.1}, "seed-1 has an accuracy of 0.1"),
        ({"records": 119}, "seed-1 has 119 records"),
        ({"checkpoint": b""}, "seed-1 has no checkpoint"),
        ({}, "all seeds gave the same accuracy"),
    ],
)
def test_what_a_run_lacks_is_named(tmp_path, lack, message):
    a_run(tmp_path / "seed-0")
    a_run(tmp_path / "seed-1", **lack)
    with pytest.raises(ValueError, match=message):
        proven_accuracies(tmp_path, 2)
    with pytest.raises(ValueError, match="2 of 3 runs have a result"):
        proven_accuracies(tmp_path, 3)


def test_only_rivals_get_the_packages_of_rivals(monkeypatch, tmp_path):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    paths = {name: one.environment().get("PYTHONPATH", "") for name, one in CONTESTANTS.items()}
    assert [name for name, path in paths.items() if str(tmp_path) not in path] == [
        "exp sweep",
        "exp sweep, nothing kept",
    ]
    assert [name for name, path in paths.items() if "joblib" in path] == ["Hydra with joblib, Lightning"]


def test_the_report_has_medians_ratios_and_the_figures_of_each_round(tmp_path):
    def figures(*walls):
        return [{"wall_seconds": wall, "cpu_seconds": 3.0, "peak_mb": 1500.0, "accuracy": 0.95} for wall in walls]

    report = {
        "runs": 24,
        "commit": "abc",
        "machine": {"cores": 2},
        "packages": {"ray": "2.50", "optuna": None},
        "rounds": {"exp sweep": figures(20.0, 24.0, 90.0), "Keras Tuner": figures(60.0)},
    }
    table = write_report(report, tmp_path)
    assert "| exp sweep | 24.0 | 3.0 | 1,500 | 1.00 times | 1.00 |" in table
    assert "| Keras Tuner | 60.0 | 3.0 | 1,500 | 2.50 times | 2.50 |" in table
    page = (tmp_path / "sweep.md").read_text()
    assert "| 3 | exp sweep | 90.00 | 3.00 | 1500.0 | 0.9500 |" in page
    assert page.endswith("- cores: 2\n- commit: abc\n- packages: ray 2.50\n")
    assert json.loads((tmp_path / "sweep.json").read_text()) == report
    assert (tmp_path / "sweep.png").stat().st_size > 1000


def test_what_is_not_to_be_measured_is_named(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["sweep_speed.py", "--contestants", "Keras Tuners"])
    assert main() == 2
    assert "--contestants Keras Tuners: must be one of exp sweep; exp sweep, nothing kept" in capsys.readouterr().err
