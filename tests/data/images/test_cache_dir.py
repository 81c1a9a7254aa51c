"""What is made once: as a whole or not at all."""

import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from exp.data.images.cache_dir import cache_folder, made_once
from exp.errors import UserError
from exp.system.signals import Stopped, StopRequest


def test_a_folder_is_made_once(tmp_path):
    made = []

    def make(place: Path) -> None:
        made.append(place)
        place.mkdir()
        (place / "a").write_text("1")

    for _ in range(2):
        assert made_once(tmp_path / "deep" / "x", make) == tmp_path / "deep" / "x"
    assert len(made) == 1
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["x"]


def test_what_fails_halfway_leaves_nothing(tmp_path):
    def make(place: Path) -> None:
        place.mkdir()
        raise ValueError("halfway")

    with pytest.raises(ValueError, match="halfway"):
        made_once(tmp_path / "x", make)
    assert list(tmp_path.iterdir()) == []


def test_a_quicker_process_wins(tmp_path):
    def make(place: Path) -> None:
        place.write_text("ours")
        (tmp_path / "x").write_text("theirs")

    assert made_once(tmp_path / "x", make).read_text() == "theirs"


def test_a_full_disk_is_said_plainly(tmp_path):
    def make(place: Path) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(UserError, match=r"cannot be written \(No space left on device\); .* data\.cache_dir"):
        made_once(tmp_path / "x", make)


def test_the_place_follows_the_environment(monkeypatch, tmp_path):
    assert cache_folder("here") == Path("here")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder(None) == tmp_path / "exp"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder(None) == tmp_path / ".cache" / "exp"


def test_leftovers_of_a_process_that_was_killed_are_cleared_up(tmp_path):
    left = tmp_path / ".x.ab12cd_9"
    (left / "new" / "train").mkdir(parents=True)
    (tmp_path / ".x.lock").touch()
    (tmp_path / ".xy.ab12cd_9").mkdir()  # of something else
    made_once(tmp_path / "x", lambda place: place.mkdir())
    assert sorted(path.name for path in tmp_path.iterdir()) == [".xy.ab12cd_9", "x"]


def test_another_process_at_work_is_waited_for_and_its_work_left_alone(tmp_path):
    """It is made once; and whoever waits can be stopped."""
    begun, go_on, made = threading.Event(), threading.Event(), []

    def slowly(place: Path) -> None:
        made.append(place)
        place.mkdir()
        begun.set()
        go_on.wait(60)

    with ThreadPoolExecutor() as pool:
        other = pool.submit(made_once, tmp_path / "x", slowly)
        begun.wait(60)
        with StopRequest() as stop:
            stop.ask(signal.SIGTERM)
            with pytest.raises(Stopped):
                made_once(tmp_path / "x", slowly)
        assert made[0].exists()
        waits = pool.submit(made_once, tmp_path / "x", slowly)
        go_on.set()
        assert other.result() == waits.result() == tmp_path / "x"
    assert len(made) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_what_a_signal_ends_leaves_nothing(tmp_path):
    def make(place: Path) -> None:
        place.mkdir()
        raise Stopped

    with pytest.raises(Stopped):
        made_once(tmp_path / "x", make)
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_can_be_locked_it_is_made_all_the_same(tmp_path, monkeypatch):
    def no_locks(path: Path) -> None:
        raise UserError("no locks available")

    monkeypatch.setattr("exp.data.images.cache_dir.Lock", no_locks)
    made_once(tmp_path / "x", lambda place: place.mkdir())
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
