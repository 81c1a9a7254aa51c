"""`hooks`: functions of a user's own that are called while a run trains."""

import json
import signal
from pathlib import Path

import pytest

from tests.support.conf import choices
from tests.support.jobs import results

HOOKS = "tests.support.own_hooks"


def logged(run: Path, name: str) -> dict[int, float]:
    """The values of a figure, by step."""
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return {row["step"]: row[name] for row in rows if name in row}


def given(quick_mnist: Path, *hooks: str) -> list[str]:
    nodes = ", ".join(f"{{_target_: {HOOKS}.{hook}}}" for hook in hooks)
    return ["data.source=idx", f"data.dir={quick_mnist}", "trusted_targets=[tests.]", f"hooks=[{nodes}]"]


@pytest.mark.parametrize(
    "mode", [pytest.param(mode, marks=[] if mode == "session" else [pytest.mark.slow]) for mode in choices("exec")]
)
def test_a_hook_is_called_every_so_many_steps(jobs, quick_mnist, tmp_path, mode):
    hooks = given(quick_mnist, "spread, every: 6, shade: 90", "computing, every: 10")
    jobs.run(*hooks, f"exec={mode}", "train.steps=20", "hydra.run.dir=run", cwd=tmp_path).check()
    assert list(logged(tmp_path / "run", "mine/spread")) == [6, 12, 18]
    assert list(logged(tmp_path / "run", "mine/bias")) == [10, 20]


@pytest.mark.slow  # what a hook logs, and when it is called, is tried quickly above and in tests/run
@pytest.mark.parametrize("mode", ["function", "session"])
def test_a_killed_run_calls_its_hooks_as_if_it_had_not_been(jobs, quick_mnist, tmp_path, mode):
    options = [*given(quick_mnist, "spread, every: 5"), f"exec={mode}", "train.steps=60", "checkpoint.every=20"]
    jobs.run(*options, "hydra.run.dir=whole", cwd=tmp_path).check()
    arguments = [*options, "summary.every=1", "hydra.run.dir=run"]
    killed = jobs.start_alone(arguments, tmp_path, die_at=33, said=tmp_path / "output.txt")
    assert killed.wait() == -signal.SIGKILL
    jobs.run("resume=run", "trusted_targets=[tests.]", cwd=tmp_path).check()
    assert logged(tmp_path / "run", "mine/spread") == logged(tmp_path / "whole", "mine/spread")
    assert len(logged(tmp_path / "run", "mine/spread")) == 12
    assert results(tmp_path / "run")["weights_sha256"] == results(tmp_path / "whole")["weights_sha256"]


@pytest.mark.slow  # in memory, tests/run/test_hooks.py tries them quickly
@pytest.mark.parametrize(
    ("hook", "expected"),
    [
        ("greedy, every: 5", (2, f"hooks[0]._target_={HOOKS}.greedy: takes gradients, which nothing gives")),
        ("missing, every: 5", (2, f"hooks[0]._target_={HOOKS}.missing: cannot be found")),
        ("failing, every: 5", (1, f"hooks[0]._target_={HOOKS}.failing: RuntimeError: no more after 5")),
        ("taken, every: 5", (1, "log.scalar('test/accuracy'): is the name of another figure of every run")),
    ],
)
def test_a_wrong_hook_is_named(jobs, quick_mnist, tmp_path, hook, expected):
    status, message = expected
    done = jobs.run(*given(quick_mnist, hook), "train.steps=20", "hydra.run.dir=run", cwd=tmp_path)
    assert done.status == status
    assert message in (done.errors if status == 2 else results(tmp_path / "run")["error"])
