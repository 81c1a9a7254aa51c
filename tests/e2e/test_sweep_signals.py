"""Signals to the processes of a sweep, to all of them or to one."""

import os
import signal
from pathlib import Path

import pytest

from tests.support.jobs import losses, results
from tests.support.sweeping import ledger, start, start_real, statuses, sweep, wait_for


@pytest.fixture(scope="module")
def command(small_mnist: Path) -> list[str]:
    return [
        *("exec=eager", "seed=range(3)", "train.steps=400", "checkpoint.every=50", "summary.every=1"),
        *("data.source=idx", f"data.dir={small_mnist}", "hydra.sweep.dir=s"),
    ]


@pytest.fixture(scope="module")
def undisturbed(command, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    done = sweep(*command, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "s"


def two_have_saved(folder: Path) -> bool:
    return len({path.parts[-3] for path in folder.glob("*/checkpoints/ckpt-*.json")}) == 2


def assert_goes_on(command: list[str], folder: Path, undisturbed: Path, cwd: Path) -> None:
    again = sweep(*command, cwd=cwd)
    assert again.returncode == 0, again.stdout + again.stderr
    for name, job in ledger(undisturbed).items():
        assert ledger(folder)[name]["result"] == job["result"]
        assert losses(folder / name) == losses(undisturbed / name)


def test_a_signal_to_all_processes_at_once(command, undisturbed, tmp_path):
    """As `timeout` sends it. Every job is in a session of its own, and gets it from here, and from its sweep too."""
    process = start(*command, cwd=tmp_path)
    folder = tmp_path / "s"
    wait_for(lambda: two_have_saved(folder))
    at_work = processes_in(tmp_path)
    assert len(at_work) >= 4  # the sweep, its fork server, two jobs
    for pid in at_work:
        os.kill(pid, signal.SIGTERM)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (143, "")
    found = statuses(folder)
    assert sorted(found.values()) == ["interrupted", "interrupted", "waiting"]
    for name in [name for name, ended in found.items() if ended == "interrupted"]:
        assert results(folder / name)["status"] == "interrupted"
        assert (tmp_path / f"{results(folder / name)['checkpoint']}.json").exists()
        assert f"interrupted {name}: train/loss" in output
        log = (folder / name / "run.log").read_text()
        assert log.count("stopped by a signal after step") == 1
        assert "Traceback" not in log
    assert_goes_on(command, folder, undisturbed, tmp_path)


def test_the_death_of_the_fork_server_is_not_that_of_its_jobs(command, undisturbed, tmp_path):
    process = start_real(*command, cwd=tmp_path)
    folder = tmp_path / "s"
    wait_for(lambda: two_have_saved(folder))
    children = [pid for pid in processes_in(tmp_path) if parent_of(pid) == process.pid]
    (server,) = [pid for pid in children if b"forkserver" in command_of(pid)]
    os.kill(server, signal.SIGKILL)
    output, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (0, ""), output
    assert {job["attempts"] for job in ledger(folder).values()} == {1}
    for name, job in ledger(undisturbed).items():
        assert ledger(folder)[name]["result"] == job["result"]


def processes_in(folder: Path) -> list[int]:
    """Those that were started in a folder, by number; not those that only wait for others to leave resources."""
    found = []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if link.readlink() == folder and b"resource_tracker" not in command_of(int(link.parts[2])):
                found.append(int(link.parts[2]))
        except OSError:
            continue
    return found


def command_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
