"""The verdict on every kind of file, and when it is looked up instead of found anew."""

import os
import signal

import pytest

from exp.data.images import verify as module
from exp.data.images.verify import check
from exp.system.signals import Stopped, StopRequest
from tests.support import odd
from tests.support.sweeping import wait_for

CAP = 1_000_000
pytestmark = pytest.mark.usefixtures("tf")


@pytest.fixture
def kept(tmp_path):
    return tmp_path / "kept" / "verdicts.json"


def test_odd_but_good_files_are_used(tmp_path, kept):
    paths = odd.write(tmp_path / "good", odd.GOOD)
    verdicts = dict(zip((path.name for path in paths), check(paths, kept_in=kept, max_pixels=CAP), strict=True))
    assert {name: verdict.problem for name, verdict in verdicts.items()} == dict.fromkeys(odd.GOOD)
    assert {(verdict.width, verdict.height) for verdict in verdicts.values()} == {(90, 60)}
    assert {name for name, verdict in verdicts.items() if verdict.odd} == {
        *("plain.bmp", "palette.bmp", "one-bit.bmp", "moving.webp")
    }


def test_bad_files_are_told_apart(tmp_path, kept):
    paths = odd.write(tmp_path / "bad", {name: content for name, (content, _) in odd.BAD.items()})
    for path, verdict in zip(paths, check(paths, kept_in=kept, max_pixels=CAP), strict=True):
        assert verdict.problem is not None, path.name
        assert verdict.problem.startswith(odd.BAD[path.name][1]), f"{path.name}: {verdict.problem}"


def test_what_is_no_readable_file_is_bad(tmp_path, kept):
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "dangling.jpg").symlink_to(tmp_path / "absent")
    os.mkfifo(tmp_path / "pipe.jpg")
    names = ("folder.jpg", "dangling.jpg", "pipe.jpg", "absent.jpg")
    verdicts = check([tmp_path / name for name in names], kept_in=kept, max_pixels=CAP)
    assert [verdict.problem for verdict in verdicts] == [
        "is a folder",
        "cannot be read (No such file or directory)",
        "is not a file",
        "cannot be read (No such file or directory)",
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_bad(tmp_path, kept):
    (path,) = odd.write(tmp_path, {"plain.jpg": odd.GOOD["plain.jpg"]})
    path.chmod(0)
    assert check([path], kept_in=kept, max_pixels=CAP)[0].problem == "cannot be read (Permission denied)"


def test_a_file_far_too_large_is_not_read(tmp_path, kept, monkeypatch):
    (path,) = odd.write(tmp_path, {"plain.jpg": odd.GOOD["plain.jpg"]})
    monkeypatch.setattr(module, "MOST_BYTES", 100)
    assert check([path], kept_in=kept, max_pixels=CAP)[0].problem == "is too large: 0 MB"


def test_a_bomb_is_not_decoded(tmp_path, kept, monkeypatch):
    from PIL import Image

    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2000)
    (path,) = odd.write(tmp_path, {"rgb.png": odd.GOOD["rgb.png"]})
    assert check([path], kept_in=kept, max_pixels=CAP)[0].problem.startswith("is too large: Pillow takes it for")


def test_a_verdict_is_kept_until_its_file_changes(tmp_path, kept, monkeypatch):
    files = {name: odd.GOOD[name] for name in ("plain.jpg", "rgb.png")} | {"text.jpg": odd.BAD["text.jpg"][0]}
    paths = odd.write(tmp_path, files)
    first = check(paths, kept_in=kept, max_pixels=CAP)
    examined = []

    def counted(path):
        examined.append(path.name)
        return original(path)

    original = module.examine
    monkeypatch.setattr(module, "examine", counted)
    assert check(paths, kept_in=kept, max_pixels=CAP) == first
    assert examined == []
    paths[2].write_bytes(odd.GOOD["plain.jpg"]())
    again = check(paths, kept_in=kept, max_pixels=CAP)
    assert examined == ["text.jpg"]
    assert again[2].problem is None
    assert check(paths, kept_in=kept, max_pixels=100)[0].problem.startswith("has 90x60 pixels, more than")
    assert examined == ["text.jpg"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"version": 0, "files": {}}', '{"version": 1, "files": [3]}'])
def test_kept_verdicts_that_cannot_be_read_are_done_without(tmp_path, kept, content):
    paths = odd.write(tmp_path, {"plain.jpg": odd.GOOD["plain.jpg"]})
    kept.parent.mkdir()
    kept.write_text(content)
    assert check(paths, kept_in=kept, max_pixels=CAP)[0].problem is None


def test_a_place_that_cannot_be_written_is_done_without(tmp_path, kept):
    paths = odd.write(tmp_path, {"plain.jpg": odd.GOOD["plain.jpg"]})
    kept.parent.write_text("a file where the folder should be")
    assert check(paths, kept_in=kept, max_pixels=CAP)[0].problem is None


def many(folder, count):
    return odd.write(folder, {f"{number}.jpg": odd.GOOD["plain.jpg"] for number in range(count)})


def test_a_check_that_a_signal_ends_goes_on_where_it_was(tmp_path, kept, monkeypatch):
    """Files that wait are not examined any more; verdicts that are there are kept."""
    paths, examined, original = many(tmp_path / "many", 400), [], module.examine

    def counted(path):
        examined.append(path)
        if len(examined) == 20:
            os.kill(os.getpid(), signal.SIGTERM)
        return original(path)

    monkeypatch.setattr(module, "examine", counted)
    with StopRequest(), pytest.raises(Stopped):
        check(paths, kept_in=kept, max_pixels=CAP)
    first = len(examined)
    assert first < 400
    verdicts = check(paths, kept_in=kept, max_pixels=CAP)
    assert [verdict.problem for verdict in verdicts] == [None] * 400
    assert len(examined) - first < 400


def test_verdicts_are_kept_while_others_are_made(tmp_path, kept, monkeypatch):
    """So that a check which is killed goes on where it was."""
    paths, original = many(tmp_path / "many", 40), module.examine

    def late(path):
        if path == paths[-1]:
            wait_for(kept.exists)
        return original(path)

    monkeypatch.setattr(module, "examine", late)
    monkeypatch.setattr(module, "SECONDS_BETWEEN_WRITES", 0)
    check(paths, kept_in=kept, max_pixels=CAP)
