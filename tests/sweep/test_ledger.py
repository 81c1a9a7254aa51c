"""`sweep.json` tells the truth, also where whoever wrote it was killed."""

import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from exp.errors import UserError
from exp.sweep.before import before
from exp.sweep.ledger import Ledger, read_ledger


def ledger(folder: Path) -> Ledger:
    return Ledger(folder, ["python", "run.py", "-m", "seed=1,2"], ["train.steps=10"], threads=1, n_jobs=2)


def job(folder: Path, name: str, digest: str = "a"):
    return SimpleNamespace(name=name, overrides=(f"seed={name}",), config_hash=digest, folder=folder / name)


def write_results(folder: Path, **results) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results))


def test_it_is_read_back_as_it_was_written(tmp_path):
    written = ledger(tmp_path)
    written.add([job(tmp_path, "1"), job(tmp_path, "2")])
    assert read_ledger(tmp_path) == written
    assert read_ledger(tmp_path / "elsewhere") is None


def test_it_says_what_results_say(tmp_path):
    written = ledger(tmp_path)
    written.add([job(tmp_path, "1")])
    write_results(tmp_path / "1", status="completed", step=10, test={"accuracy": 0.5}, weights_sha256="abc")
    written.entries["1"].note_end(None)
    assert written.entries["1"].status == "completed"
    assert written.entries["1"].result == {
        "step": 10,
        "train/loss": None,
        "test/loss": None,
        "test/accuracy": 0.5,
        "weights_sha256": "abc",
    }


def test_results_of_an_earlier_attempt_do_not_count(tmp_path):
    written = ledger(tmp_path)
    written.add([job(tmp_path, "1")])
    write_results(tmp_path / "1", status="completed")
    os.utime(tmp_path / "1" / "results.json", (2**32, 2**32))  # by a clock that was far ahead
    written.entries["1"].before = before(tmp_path / "1")
    written.entries["1"].note_end("killed by SIGKILL")
    assert (written.entries["1"].status, written.entries["1"].error) == ("failed", "killed by SIGKILL")
    written.entries["1"].note_end(None, stopped=True)
    assert (written.entries["1"].status, written.entries["1"].error) == ("interrupted", None)
    write_results(tmp_path / "1", status="completed", step=10)
    os.utime(tmp_path / "1" / "results.json", (1000, 1000))  # and by one that was set back
    written.entries["1"].note_end(None)
    assert written.entries["1"].status == "completed"
    written.write()
    assert read_ledger(tmp_path) == written


def test_a_job_that_ended_after_its_sweep_was_killed_is_done(tmp_path):
    written = ledger(tmp_path)
    written.add([job(tmp_path, "1")])
    written.entries["1"].status = "running"
    written.write()
    write_results(tmp_path / "1", status="completed", step=10)
    again = read_ledger(tmp_path)
    assert again.is_done(job(tmp_path, "1"))
    assert again.entries["1"].status == "completed"


def test_a_folder_that_was_deleted_is_not_done(tmp_path):
    written = ledger(tmp_path)
    written.add([job(tmp_path, "1")])
    written.entries["1"].status = "completed"
    assert not written.is_done(job(tmp_path, "1"))


def test_another_configuration_is_refused(tmp_path):
    written = ledger(tmp_path)
    written.add([job(tmp_path, "1"), job(tmp_path, "2")])
    before = (tmp_path / "sweep.json").read_text()
    with pytest.raises(UserError, match=r"was begun with another configuration \(of 1 job, such as 2\)"):
        written.add([job(tmp_path, "1"), job(tmp_path, "2", digest="b"), job(tmp_path, "3")])
    assert (tmp_path / "sweep.json").read_text() == before


@pytest.mark.parametrize("text", ["", "{", "[]", '{"jobs": 3}', '{"jobs": [{"name": "1"}]}'])
def test_a_ledger_that_cannot_be_read_is_named(tmp_path, text):
    (tmp_path / "sweep.json").write_text(text)
    with pytest.raises(UserError, match=r"sweep\.json: is damaged; move it away"):
        read_ledger(tmp_path)
