"""What a person sees of a sweep, on a terminal and elsewhere."""

import io
import json
import time
from types import SimpleNamespace

import pytest

from exp.sweep.display import SweepDisplay
from exp.sweep.heartbeat import Reporter, read_report
from exp.sweep.ledger import Entry
from exp.terminal.plain_console import PlainConsole


def running(folder, name: str, *, seconds: float, step: int, total: int, loss: float | None):
    (folder / name).mkdir()
    report = {"step": step, "total": total, "loss": loss, "error": None}
    (folder / name / ".job.json").write_text(json.dumps(report))
    return SimpleNamespace(job=SimpleNamespace(name=name, folder=folder / name), seconds=seconds, pending=None)


def entry(name: str, status: str, **more) -> Entry:
    return Entry(name, [], "hash", f"sweep/{name}", status=status, **more)


def terminal(screen: io.StringIO) -> PlainConsole:
    return PlainConsole(file=screen, force_terminal=True, width=150, soft_wrap=True)


@pytest.fixture
def screen() -> io.StringIO:
    return io.StringIO()


def test_a_line_tells_where_all_jobs_are(tmp_path, screen, monkeypatch):
    monkeypatch.setattr("exp.sweep.display.SECONDS_BETWEEN_LINES", 0)
    watch = SweepDisplay(total=6, n_jobs=2, console=PlainConsole(file=screen, soft_wrap=True))
    watch.ended(entry("a", "completed", seconds=10.0, result={"test/accuracy": 0.9512, "train/loss": 0.3}))
    watch.ended(entry("b", "failed", seconds=2.0, error="killed by SIGKILL"))
    jobs = [
        running(tmp_path, "c", seconds=5, step=50, total=100, loss=0.25),
        running(tmp_path, "d", seconds=1, step=0, total=0, loss=None),
    ]
    watch.update(jobs)
    assert screen.getvalue().splitlines() == [
        "completed a: test/accuracy 95.12% (10.0 s)",
        "failed b: killed by SIGKILL (2.0 s)",
        # 5 s are left of c, and 10 s each of two more, two at a time
        "2/6 jobs done, 2 running, 1 failed, 12 s left; c step 50/100 loss 0.2500; d starting",
    ]


def test_jobs_that_a_cluster_has_not_begun_are_counted(tmp_path, screen, monkeypatch):
    monkeypatch.setattr("exp.sweep.display.SECONDS_BETWEEN_LINES", 0)
    watch = SweepDisplay(total=30, n_jobs=30, console=PlainConsole(file=screen, soft_wrap=True))
    jobs = [running(tmp_path, f"c{number}", seconds=5, step=0, total=0, loss=None) for number in range(20)]
    waiting = [SimpleNamespace(pending=reason) for reason in ("Resources", "Priority", "Priority", "")]
    watch.update([*jobs, *waiting])
    [line] = screen.getvalue().splitlines()
    assert line.startswith("0/30 jobs done, 20 running, 4 pending (Priority, Resources), 0 failed; c0 starting; c1 ")
    assert line.endswith("c11 starting; and 8 more")


def test_a_terminal_has_a_bar_for_each_job(tmp_path, screen):
    watch = SweepDisplay(total=2, n_jobs=2, console=terminal(screen))
    watch.update([running(tmp_path, "c", seconds=5, step=50, total=100, loss=0.25)])
    time.sleep(0.5)  # it is drawn four times a second
    watch.ended(entry("c", "completed", seconds=10.0, result={"test/accuracy": 0.5}))
    watch.close()
    assert "step 50/100 loss 0.2500" in screen.getvalue()
    assert "0/2 jobs done, 1 running, 0 failed, 8 s left" in screen.getvalue()
    assert "completed c: test/accuracy 50.00% (10.0 s)" in screen.getvalue()


def test_the_table_names_failures_and_their_logs(screen):
    watch = SweepDisplay(total=2, n_jobs=2, console=terminal(screen))
    watch.close()
    result = {"step": 10, "train/loss": 0.5, "test/loss": None, "test/accuracy": 0.75}
    watch.table(
        [
            entry("a", "completed", seconds=1.0, result=result),
            entry("b", "failed", error="RuntimeError: out of order"),
            entry("c", "waiting"),
        ],
        shared={},
        done_before=1,
    )
    text = screen.getvalue()
    assert "1 of 3 jobs completed (1 of them before)" in text
    assert "failed b: RuntimeError: out of order; log: sweep/b/run.log" in text.replace("\n", " ")
    assert "75.00%" in text
    assert "waiting c" not in text


def test_jobs_that_differ_in_their_seed_alone_are_a_row(screen):
    watch = SweepDisplay(total=5, n_jobs=2, console=terminal(screen))
    watch.close()
    entries = []
    for model, shift in (("mlp", 0.0), ("cnn", 0.05)):
        for seed in range(3):
            result = {"step": 10, "train/loss": 0.5, "test/loss": 0.4, "test/accuracy": 0.9 + shift + seed / 100}
            made = entry(f"{model}-{seed}", "completed", seconds=2.0 + seed, result=result)
            made.overrides = [f"model={model}", f"seed={seed}"]
            entries.append(made)
    entries[5].status = "diverged"
    watch.table(entries, shared={}, done_before=0)
    lines = [" ".join(line.split()) for line in screen.getvalue().splitlines()]
    assert "jobs n train/loss test/loss test/accuracy seconds" in lines
    assert "model=mlp 3 0.5000 0.4000 91.00% ± 1.00% 3.00 ± 1.00" in lines
    assert "model=cnn 2 (1 diverged) 0.5000 0.4000 95.50% ± 0.71% 2.50 ± 0.71" in lines
    assert "5 of 6 jobs completed" in lines


def test_seeds_that_come_to_the_same_are_one_sample(screen):
    """`seeds.init=null` with seed=0 is `seeds.init=0`; without validation no `data.split_seed` changes anything."""
    watch = SweepDisplay(total=4, n_jobs=2, console=terminal(screen))
    watch.close()
    entries = []
    for number, overrides in enumerate(
        [["seeds.init=null"], ["seeds.init=0"], ["seeds.init=1"], ["data.split_seed=3"]]
    ):
        result = {"step": 10, "test/accuracy": 0.9, "weights_sha256": str(number)}
        entries.append(entry(f"j{number}", "completed", seconds=2.0, result=result))
        entries[-1].overrides = overrides
    watch.table(entries, shared={"seed": 0, "data.validation": None}, done_before=0)
    lines = [" ".join(line.split()) for line in screen.getvalue().splitlines()]
    assert any(line.startswith("all jobs 2 (2 reruns)") for line in lines)


def test_reports_are_written_now_and_then(tmp_path):
    reporter = Reporter(tmp_path)
    for step in range(1000):
        reporter.progress(done=step, total=1000, loss=0.5)
    assert read_report(tmp_path).step < 1000
    assert read_report(tmp_path).total == 1000
    reporter.mistake("no such thing")
    assert read_report(tmp_path).error == "no such thing"
    (tmp_path / ".job.json").write_text("{")
    assert read_report(tmp_path).step == 0
