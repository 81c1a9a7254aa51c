"""`sweep.json` tells the truth, also where whoever wrote it was killed."""

import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from exp.errors import UserError
from exp.sweep.heartbeat import Report, Reporter, read_report
from exp.sweep.ledger import Ledger, read_ledger
from exp.sweep.snapshot import snapshot
from tests.support.strangers import BAD_FILES, BAD_JSON


def ledger(folder: Path) -> Ledger:
    return Ledger(folder, ["python", "run.py", "-m", "seed=1,2"], ["train.steps=10"], threads=1, n_jobs=2)


def job(folder: Path, name: str, digest: str = "a", earlier: tuple[str, ...] = ()):
    return SimpleNamespace(
        name=name,
        overrides=(f"seed={name}",),
        config_hash=digest,
        earlier_hashes=frozenset(earlier),
        folder=folder / name,
    )


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
    written.entries["1"].before = snapshot(tmp_path / "1")
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


def test_the_configuration_of_an_earlier_version_is_the_same(tmp_path):
    written = ledger(tmp_path)
    written.add([job(tmp_path, "1", digest="old")])
    written.add([job(tmp_path, "1", digest="new", earlier=("old",))])
    assert written.entries["1"].config_hash == "old"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"jobs": 3}', '{"jobs": [{"name": "1"}]}'])
def test_a_ledger_that_cannot_be_read_is_named(tmp_path, text):
    (tmp_path / "sweep.json").write_text(text)
    with pytest.raises(UserError, match=r"sweep\.json: is damaged; move it away"):
        read_ledger(tmp_path)


STORED = {
    **{"name": "1", "overrides": ["seed=1"], "config_hash": "a", "folder": "1", "status": "failed", "attempts": 1},
    **{"launched": "2026-11-24T05:13:34.123+00:00", "seconds": 1.5, "error": None, "slurm_job": None, "log": None},
    "result": {"step": 10, "test/accuracy": 0.5, "weights_sha256": "abc"},
}


def write_ledger(folder: Path, **changes) -> None:
    content = {"command": [], "started": "now", "fixed": [], "threads": 1, "n_jobs": 2, "jobs": [{**STORED, **changes}]}
    (folder / "sweep.json").write_text(json.dumps(content))


def test_later_versions_may_add_keys(tmp_path):
    write_ledger(tmp_path, later={"a": 1})
    known = read_ledger(tmp_path)
    assert known.entries["1"].result == STORED["result"]
    assert known.entries["1"].folder == str(tmp_path / "1")


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "../../elsewhere"},
        {"name": ".."},
        {"name": "/etc"},
        {"name": ["1"]},
        {"launched": "yesterday"},
        {"seconds": "long"},
        {"result": {"test/accuracy": {"nested": 1}}},
        {"result": "fine"},
        {"error": {"a": 1}},
        {"status": None},
    ],
)
def test_what_no_sweep_writes_is_refused(tmp_path, changes):
    write_ledger(tmp_path, **changes)
    with pytest.raises(UserError, match=r"sweep\.json: is damaged; move it away"):
        read_ledger(tmp_path)


@pytest.mark.parametrize("kind", [*BAD_FILES, *BAD_JSON])
def test_a_ledger_that_is_a_strangers_is_refused(tmp_path, kind):
    path = tmp_path / "sweep.json"
    BAD_FILES[kind][0](path) if kind in BAD_FILES else path.write_text(BAD_JSON[kind][0])
    with pytest.raises(UserError, match=r"sweep\.json: is damaged; move it away"):
        read_ledger(tmp_path)


@pytest.mark.parametrize("kind", [*BAD_FILES, *BAD_JSON])
def test_a_report_that_cannot_be_read_is_none(tmp_path, kind):
    path = tmp_path / ".job.json"
    BAD_FILES[kind][0](path) if kind in BAD_FILES else path.write_text(BAD_JSON[kind][0])
    assert read_report(tmp_path) == Report()


@pytest.mark.parametrize("report", [{"step": "x"}, {"loss": {}}, {"error": 3}, {"total": [1]}])
def test_a_report_has_values_of_the_right_kind(tmp_path, report):
    (tmp_path / ".job.json").write_text(json.dumps(report))
    assert read_report(tmp_path) == Report()


def test_a_report_of_a_loss_that_is_not_finite_still_tells_the_step(tmp_path):
    Reporter(tmp_path).progress(done=3, total=10, loss=float("nan"))
    assert read_report(tmp_path) == Report(step=3, total=10, loss=None)


def test_a_report_is_not_written_through_a_link(tmp_path):
    (tmp_path / "victim").write_text("mine")
    (tmp_path / ".job.json").symlink_to("victim")
    (tmp_path / ".job.tmp").symlink_to("victim")
    Reporter(tmp_path).mistake("wrong")
    assert (tmp_path / "victim").read_text() == "mine"
    assert read_report(tmp_path).error == "wrong"


@pytest.mark.parametrize(
    ("status", "left", "may_change"),
    [("failed", None, True), ("waiting", None, False), ("running", None, False), ("failed", "manifest.json", False)],
)
def test_a_job_that_was_refused_may_have_another_configuration(tmp_path, status, left, may_change):
    """The command was corrected, and the refused one has left nothing but its log."""
    written = ledger(tmp_path)
    written.add([job(tmp_path, "1")])
    written.entries["1"].status, written.entries["1"].attempts = status, 1
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "run.log").touch()
    if left:
        (tmp_path / "1" / left).write_text("{}")
    assert written.left_nothing() is (may_change or status == "waiting")
    if may_change:
        written.add([job(tmp_path, "1", digest="b")])
        assert (written.entries["1"].config_hash, written.entries["1"].attempts) == ("b", 1)
    else:
        with pytest.raises(UserError, match="was begun with another configuration"):
            written.add([job(tmp_path, "1", digest="b")])
