"""What is found out about every kind of file, and when it is looked up instead of found anew."""

import os
import signal

import pytest

from exp.data.images import verify as module
from exp.data.images.verify import check_files
from exp.system.signals import Stopped, StopRequest
from tests.support import odd
from tests.support.sweeping import wait_for

CAP = 1_000_000
pytestmark = pytest.mark.usefixtures("tf")


@pytest.fixture
def kept(tmp_path):
    return tmp_path / "kept" / "checks.json"


def test_odd_but_good_files_are_used(tmp_path, kept):
    paths = odd.write(tmp_path / "good", odd.GOOD)
    checks = dict(zip((path.name for path in paths), check_files(paths, kept_in=kept, max_pixels=CAP), strict=True))
    assert {name: check.problem for name, check in checks.items()} == dict.fromkeys(odd.GOOD)
    assert {(check.width, check.height) for check in checks.values()} == {(90, 60)}
    assert {name for name, check in checks.items() if check.odd} == {
        *("plain.bmp", "palette.bmp", "one-bit.bmp", "moving.webp")
    }


def test_bad_files_are_told_apart(tmp_path, kept):
    paths = odd.write(tmp_path / "bad", {name: content for name, (content, _) in odd.BAD.items()})
    for path, check in zip(paths, check_files(paths, kept_in=kept, max_pixels=CAP), strict=True):
        assert check.problem is not None, path.name
        assert check.problem.startswith(odd.BAD[path.name][1]), f"{path.name}: {check.problem}"


def test_what_is_no_readable_file_is_bad(tmp_path, kept):
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "dangling.jpg").symlink_to(tmp_path / "absent")
    os.mkfifo(tmp_path / "pipe.jpg")
    names = ("folder.jpg", "dangling.jpg", "pipe.jpg", "absent.jpg")
    checks = check_files([tmp_path / name for name in names], kept_in=kept, max_pixels=CAP)
    assert [check.problem for check in checks] == [
        "is a folder",
        "cannot be read (No such file or directory)",
        "is not a file",
        "cannot be read (No such file or directory)",
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_bad(tmp_path, kept):
    (path,) = odd.write(tmp_path, {"plain.jpg": odd.GOOD["plain.jpg"]})
    path.chmod(0)
    assert check_files([path], kept_in=kept, max_pixels=CAP)[0].problem == "cannot be read (Permission denied)"


def test_a_file_far_too_large_is_not_read(tmp_path, kept, monkeypatch):
    (path,) = odd.write(tmp_path, {"plain.jpg": odd.GOOD["plain.jpg"]})
    monkeypatch.setattr(module, "MOST_BYTES", 100)
    assert check_files([path], kept_in=kept, max_pixels=CAP)[0].problem == "is too large: 0 MB"


def test_a_bomb_is_not_decoded(tmp_path, kept, monkeypatch):
    from PIL import Image

    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2000)
    (path,) = odd.write(tmp_path, {"rgb.png": odd.GOOD["rgb.png"]})
    assert check_files([path], kept_in=kept, max_pixels=CAP)[0].problem.startswith("is too large: Pillow takes it for")


def test_a_check_is_kept_until_its_file_changes(tmp_path, kept, monkeypatch):
    files = {name: odd.GOOD[name] for name in ("plain.jpg", "rgb.png")} | {"text.jpg": odd.BAD["text.jpg"][0]}
    paths = odd.write(tmp_path, files)
    first = check_files(paths, kept_in=kept, max_pixels=CAP)
    examined = []

    def counted(path):
        examined.append(path.name)
        return original(path)

    original = module.examine
    monkeypatch.setattr(module, "examine", counted)
    assert check_files(paths, kept_in=kept, max_pixels=CAP) == first
    assert examined == []
    paths[2].write_bytes(odd.GOOD["plain.jpg"]())
    again = check_files(paths, kept_in=kept, max_pixels=CAP)
    assert examined == ["text.jpg"]
    assert again[2].problem is None
    assert check_files(paths, kept_in=kept, max_pixels=100)[0].problem.startswith("has 90x60 pixels, more than")
    assert examined == ["text.jpg"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"version": 0, "files": {}}', '{"version": 1, "files": [3]}'])
def test_kept_checks_that_cannot_be_read_are_done_without(tmp_path, kept, content):
    paths = odd.write(tmp_path, {"plain.jpg": odd.GOOD["plain.jpg"]})
    kept.parent.mkdir()
    kept.write_text(content)
    assert check_files(paths, kept_in=kept, max_pixels=CAP)[0].problem is None


def test_a_place_that_cannot_be_written_is_done_without(tmp_path, kept):
    paths = odd.write(tmp_path, {"plain.jpg": odd.GOOD["plain.jpg"]})
    kept.parent.write_text("a file where the folder should be")
    assert check_files(paths, kept_in=kept, max_pixels=CAP)[0].problem is None


def many(folder, count):
    return odd.write(folder, {f"{number}.jpg": odd.GOOD["plain.jpg"] for number in range(count)})


def test_a_check_that_a_signal_ends_goes_on_where_it_was(tmp_path, kept, monkeypatch):
    """Files that wait are not examined any more; checks that are there are kept."""
    paths, examined, original = many(tmp_path / "many", 400), [], module.examine

    def counted(path):
        examined.append(path)
        if len(examined) == 20:
            os.kill(os.getpid(), signal.SIGTERM)
        return original(path)

    monkeypatch.setattr(module, "examine", counted)
    with StopRequest(), pytest.raises(Stopped):
        check_files(paths, kept_in=kept, max_pixels=CAP)
    first = len(examined)
    assert first < 400
    checks = check_files(paths, kept_in=kept, max_pixels=CAP)
    assert [check.problem for check in checks] == [None] * 400
    assert len(examined) - first < 400


def test_checks_are_kept_while_others_are_made(tmp_path, kept, monkeypatch):
    """So that a check which is killed goes on where it was."""
    paths, original = many(tmp_path / "many", 40), module.examine

    def late(path):
        if path == paths[-1]:
            wait_for(kept.exists)
        return original(path)

    monkeypatch.setattr(module, "examine", late)
    monkeypatch.setattr(module, "SECONDS_BETWEEN_WRITES", 0)
    check_files(paths, kept_in=kept, max_pixels=CAP)
