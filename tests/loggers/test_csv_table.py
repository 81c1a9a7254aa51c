"""`metrics.csv`: a row for each step, whatever figures appear when, after a resume and after a rewind."""

import csv
import math

import numpy as np
import pytest

from exp.loggers.csv_table import CsvTable, logged_rows
from exp.loggers.logger import LossRow


def rows(folder):
    with (folder / "metrics.csv").open(newline="") as file:
        return [{k: v for k, v in row.items() if v != ""} for row in csv.DictReader(file)]


def losses(table, *steps, loss=0.5):
    table.losses([LossRow(step, loss, 0) for step in steps])


def test_a_figure_that_appears_later_makes_a_column(tmp_path):
    table = CsvTable(tmp_path, earlier=[])
    losses(table, 10, 20)
    table.summaries(20, {"scalar/mine, and yours": np.float32(2), "histogram/x": np.zeros(3)})
    losses(table, 30)
    table.metrics(30, {"test/loss": 0.25})
    table.metrics(30, {"test/accuracy": 0.75})
    table.close()
    assert (tmp_path / "metrics.csv").read_text() == (
        'step,loss,epoch,"mine, and yours",test/loss,test/accuracy\n10,0.5,0,,,\n20,0.5,0,2.0,,\n30,0.5,0,,0.25,0.75\n'
    )


def test_what_is_not_finite_is_nan(tmp_path):
    table = CsvTable(tmp_path, earlier=[{"step": 1, "loss": None, "epoch": 0}])
    losses(table, 2, loss=math.inf)
    table.close()
    assert [row["loss"] for row in rows(tmp_path)] == ["nan", "nan"]


def test_it_begins_with_what_metrics_jsonl_has(tmp_path):
    (tmp_path / "metrics.csv").write_text("step,loss,epoch\n10,0.1,0\n20,0.1,0\n30,0.")
    (tmp_path / "metrics.jsonl").write_text(
        '{"step": 10, "loss": 0.1, "epoch": 0}\n{"step": 20, "loss": 0.2, "epoch": 0, "validation/loss": 0.5}\n'
    )
    table = CsvTable(tmp_path, earlier=logged_rows(tmp_path / "metrics.jsonl"))
    table.metrics(20, {"test/loss": 0.75})
    losses(table, 30)
    table.close()
    assert [(row["step"], row["loss"]) for row in rows(tmp_path)] == [("10", "0.1"), ("20", "0.2"), ("30", "0.5")]
    assert rows(tmp_path)[1]["validation/loss"] == "0.5"
    assert rows(tmp_path)[1]["test/loss"] == "0.75"


def test_a_run_that_goes_back_has_each_step_once(tmp_path):
    table = CsvTable(tmp_path, earlier=[])
    losses(table, 10, 20, 30, loss=9.0)
    losses(table, 20, loss=1.0)
    losses(table, 30, loss=2.0)
    table.close()
    assert [(row["step"], row["loss"]) for row in rows(tmp_path)] == [("10", "9.0"), ("20", "1.0"), ("30", "2.0")]


def test_a_link_is_not_written_through(tmp_path):
    (tmp_path / "other").write_text("mine")
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "metrics.csv").symlink_to(tmp_path / "other")
    table = CsvTable(folder, earlier=[])
    losses(table, 10)
    table.close()
    assert (tmp_path / "other").read_text() == "mine"


@pytest.mark.parametrize("earlier", [[], [{"step": 10, "loss": 0.1, "epoch": 0}]])
def test_rows_are_there_after_a_flush(tmp_path, earlier):
    table = CsvTable(tmp_path, earlier=earlier)
    losses(table, 20)
    table.flush()
    assert rows(tmp_path)[-1]["step"] == "20"
    table.close()
