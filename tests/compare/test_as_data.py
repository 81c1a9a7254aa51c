"""`exp.runs`: runs as data."""

import subprocess
import sys

import pytest

import exp
from exp.errors import UserError
from tests.support.comparing import write_run


def test_rows_are_plain_dicts(tmp_path):
    for seed in range(2):
        write_run(tmp_path / str(seed), accuracy=0.9 + seed / 100, seed=seed)
    write_run(tmp_path / "killed", accuracy=None, model="cnn")
    rows = exp.runs(tmp_path)
    assert [row["run"] for row in rows] == [str(tmp_path / name) for name in ("0", "1", "killed")]
    assert {type(row) for row in rows} == {dict}
    first = rows[0]
    assert (first["model"], first["data.batch_size"], first["test/accuracy"]) == ("mlp", 50, 0.9)
    assert (first["manifest.git.commit"], first["status"], first["seed"]) == ("abc", "completed", 0)
    assert rows[2]["status"] == "unfinished"
    assert "test/accuracy" not in rows[2]
    assert exp.runs(str(tmp_path / "0"), tmp_path / "1") == rows[:2]


def test_what_cannot_be_read_is_left_out_with_a_warning(tmp_path):
    write_run(tmp_path / "good", accuracy=0.9)
    write_run(tmp_path / "bad", accuracy=0.9)
    (tmp_path / "bad" / "results.json").write_text("{")
    with pytest.warns(UserWarning, match=r"left out: .*bad.results\.json: is damaged"):
        assert len(exp.runs(tmp_path)) == 1
    with pytest.raises(UserError, match="is not a folder"):
        exp.runs(tmp_path / "nowhere")


def test_frames(tmp_path, monkeypatch):
    for seed in range(2):
        write_run(tmp_path / str(seed), accuracy=0.9 + seed / 100, seed=seed, results={"odd": [1, {"a": seed}]})
    write_run(tmp_path / "killed", accuracy=None, model="cnn", results={"odd": "text"})
    pandas, polars = exp.runs(tmp_path, frame="pandas"), exp.runs(tmp_path, frame="polars")
    assert pandas.groupby("model")["test/accuracy"].mean()["mlp"] == pytest.approx(0.905)
    assert polars["model"].to_list() == pandas["model"].to_list() == ["mlp", "mlp", "cnn"]
    assert polars["test/accuracy"].to_list() == [0.9, 0.91, None]
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UserError, match="frame=pandas: pandas is not installed"):
        exp.runs(tmp_path, frame="pandas")
    with pytest.raises(UserError, match="frame=excel: must be pandas or polars"):
        exp.runs(tmp_path, frame="excel")


def test_no_tensorflow(tmp_path):
    write_run(tmp_path / "1", accuracy=0.9)
    program = f"import exp, sys; exp.runs({str(tmp_path)!r}); print([m for m in sys.modules if 'tensorflow' in m])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
