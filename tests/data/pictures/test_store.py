"""What is made once: as a whole or not at all."""

from pathlib import Path

import pytest

from exp.data.pictures.store import cache_folder, made_once
from exp.errors import UserError


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
