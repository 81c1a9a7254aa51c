"""Locks: one process a folder, also where the file system has no locks of its own."""

import errno
import fcntl
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from exp.errors import UserError
from exp.system import lock_owner
from exp.system.lock import Lock, is_locked

NO_FLOCK = """
import errno, fcntl, sys, time
from pathlib import Path
def refuse(*arguments):
    raise OSError(errno.ENOLCK, "No locks available")
fcntl.flock = refuse
from exp.errors import UserError
from exp.system.lock import Lock
try:
    lock = Lock(Path(sys.argv[1]))
except UserError as error:
    sys.exit(str(error))
print("taken", flush=True)
sys.stdin.read()
"""


def refusing(number: int):
    def flock(*arguments):
        raise OSError(number, os.strerror(number))

    return flock


def process_without_flock(path: Path) -> subprocess.Popen[str]:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([sys.executable, "-c", NO_FLOCK, str(path)], text=True, **pipes)


@pytest.mark.parametrize("number", [errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES])
def test_only_these_mean_another_process(tmp_path, monkeypatch, number):
    monkeypatch.setattr(fcntl, "flock", refusing(number))
    (tmp_path / ".lock").touch()
    with pytest.raises(UserError, match="another process is running in this folder"):
        Lock(tmp_path / ".lock")
    assert is_locked(tmp_path / ".lock")


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.EIO])
def test_a_file_system_without_locks_is_no_other_process(tmp_path, monkeypatch, number):
    monkeypatch.setattr(fcntl, "flock", refusing(number))
    lock = Lock(tmp_path / ".lock")
    assert lock.note is not None
    assert f"this file system has no locks ({os.strerror(number)})" in lock.note
    assert is_locked(tmp_path / ".lock")
    with pytest.raises(
        UserError, match=rf"another process is running .* \(process {os.getpid()} on .*\); if it is gone"
    ):
        Lock(tmp_path / ".lock")
    lock.close()
    assert not is_locked(tmp_path / ".lock")
    assert not any(tmp_path.iterdir())


def test_the_systems_own_lock_needs_no_note(tmp_path):
    lock = Lock(tmp_path / ".lock")
    assert lock.note is None
    assert is_locked(tmp_path / ".lock")
    lock.close()
    assert not is_locked(tmp_path / ".lock")


def test_two_processes_without_locks(tmp_path):
    first = process_without_flock(tmp_path / ".lock")
    assert first.stdout.readline() == "taken\n"
    second = process_without_flock(tmp_path / ".lock")
    _, errors = second.communicate(timeout=60)
    assert second.returncode == 1
    assert f"another process is running in this folder (process {first.pid} on " in errors
    with pytest.raises(UserError, match="another process"):  # one that has the system's locks sees it too
        Lock(tmp_path / ".lock")
    first.kill()
    first.communicate()
    third = process_without_flock(tmp_path / ".lock")
    assert third.stdout.readline() == "taken\n"
    third.communicate()
    Lock(tmp_path / ".lock").close()


def test_of_many_who_take_over_one_succeeds(tmp_path):
    write_owner(tmp_path, pid=2**22 + 1)
    processes = [process_without_flock(tmp_path / ".lock") for _ in range(4)]
    taken = [process.stdout.readline() == "taken\n" for process in processes]
    for process in processes:
        process.communicate()
    assert taken.count(True) == 1


def write_owner(folder: Path, *, pid: int, host: str | None = None, started: str = "1") -> None:
    owner = {"host": host or lock_owner.platform.node(), "pid": pid, "started": started, "by_file": True}
    (folder / ".lock").write_text(json.dumps(owner))


def test_a_process_that_has_another_ones_number_is_another_one(tmp_path, monkeypatch):
    monkeypatch.setattr(fcntl, "flock", refusing(errno.ENOLCK))
    write_owner(tmp_path, pid=os.getpid(), started="another time")
    Lock(tmp_path / ".lock").close()


def test_another_machine_counts_while_its_folder_changes(tmp_path, monkeypatch):
    monkeypatch.setattr(fcntl, "flock", refusing(errno.ENOLCK))
    write_owner(tmp_path, pid=1, host="elsewhere")
    with pytest.raises(UserError, match=r"\(process 1 on elsewhere\); if it is gone for certain, remove .*\.lock"):
        Lock(tmp_path / ".lock")
    then = time.time() - 2 * lock_owner.RECENT_SECONDS
    os.utime(tmp_path / ".lock", (then, then))
    os.utime(tmp_path, (then, then))
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "ckpt-1.index").touch()
    assert is_locked(tmp_path / ".lock")  # it still saves
    for path in (tmp_path / "checkpoints" / "ckpt-1.index", tmp_path / "checkpoints", tmp_path):
        os.utime(path, (then, then))
    assert not is_locked(tmp_path / ".lock")
    Lock(tmp_path / ".lock").close()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}', '{"host": 1, "pid": 1e999}', "[" * 4000])
def test_an_old_file_that_names_nobody_is_taken(tmp_path, monkeypatch, content):
    monkeypatch.setattr(fcntl, "flock", refusing(errno.ENOLCK))
    path = tmp_path / ".lock"
    path.write_text(content)
    with pytest.raises(UserError, match="another process"):  # it may be about to write its name
        Lock(path)
    then = time.time() - 2 * lock_owner.RECENT_SECONDS
    os.utime(path, (then, then))
    Lock(path).close()


def test_a_link_is_not_locked(tmp_path):
    (tmp_path / "victim").write_text("mine")
    (tmp_path / ".lock").symlink_to("victim")
    with pytest.raises(UserError, match=r"\.lock: cannot be written \(is a link, and links are not followed\)"):
        Lock(tmp_path / ".lock")
    assert not is_locked(tmp_path / ".lock")
    assert (tmp_path / "victim").read_text() == "mine"


@pytest.mark.parametrize("number", [errno.EPERM, errno.EROFS, errno.EACCES])
def test_a_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch, number):
    """As where `chattr +i` has made it immutable."""

    def refuse(*arguments, **more):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("exp.system.files.os.open", refuse)
    with pytest.raises(UserError) as refused:
        Lock(tmp_path / ".lock")
    assert str(refused.value) == f"{tmp_path}/.lock: cannot be written ({os.strerror(number)})"
