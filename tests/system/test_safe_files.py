"""Files that may be somebody else's: what they can do to whoever reads them is to be refused, by name and at once."""

import math
import os

import pytest
from omegaconf import OmegaConf

from exp.system import safe_files
from exp.system.files import storage_problem, write_atomically
from exp.system.safe_files import MissingError, UnreadableError, read_lines, read_object, read_tail, read_yaml
from tests.support.strangers import BAD_FILES, BAD_JSON, BAD_YAML


@pytest.mark.parametrize("read", [read_object, read_yaml, lambda path: list(read_lines(path))])
@pytest.mark.parametrize("kind", BAD_FILES)
def test_no_link_pipe_or_endless_file_is_read(tmp_path, read, kind):
    put, reason = BAD_FILES[kind]
    path = tmp_path / "file"
    put(path)
    if kind == "sparse" and read not in (read_object, read_yaml):
        reason = "has a line of more than 1 MiB"
    if kind == "not UTF-8" and read not in (read_object, read_yaml):
        return  # lines are bytes
    with pytest.raises(UnreadableError, match=rf"^{path}: .*{reason}"):
        read(path)


@pytest.mark.parametrize("kind", BAD_JSON)
def test_what_is_wrong_with_json_is_said(tmp_path, kind):
    text, reason = BAD_JSON[kind]
    (tmp_path / "file").write_text(text)
    with pytest.raises(UnreadableError, match=reason):
        read_object(tmp_path / "file")


@pytest.mark.parametrize("kind", BAD_YAML)
def test_what_is_wrong_with_yaml_is_said(tmp_path, kind):
    text, reason = BAD_YAML[kind]
    (tmp_path / "file").write_text(text)
    with pytest.raises(UnreadableError, match=reason):
        read_yaml(tmp_path / "file")


def test_what_is_missing_is_told_apart(tmp_path):
    for path in (tmp_path / "absent", tmp_path / "absent" / "file"):
        with pytest.raises(MissingError, match="is missing"):
            read_object(path)
    with pytest.raises(UnreadableError, match="cannot be read"):
        read_object(tmp_path / "a\0b")


def test_a_record_may_hold_nan(tmp_path):
    """The metrics of a checkpoint that was tested with a loss that is not finite."""
    (tmp_path / "file").write_text('{"a": NaN}')
    assert math.isnan(read_object(tmp_path / "file", finite=False)["a"])


def test_yaml_is_read_as_omegaconf_reads_it(tmp_path):
    """Stored configurations have the hash that they had when they were written."""
    tree = {
        "numbers": [1, -1, 0, 1.5, 1e-05, 1e30, 3e-4, 0.1 + 0.2, float("inf")],
        "texts": [
            "1e-05",
            "2020-01-01",
            "12:30",
            "yes",
            "no",
            "null",
            "~",
            "",
            " ",
            "0x1f",
            "1_000",
            "é",
            "😀",
            "a: b",
        ],
        "patterns": ["*/dense2/*", "&a", "!b", "% c", "@d", "`e`", "[f]", "{g: h}", "#i", "- j", "k\nl", 'm"n', "o'p"],
        "others": {"true": True, "none": None, "empty": [], "group": {}},
        "nested": [{"name": "random_crop", "size": [224, 224]}, "normalize"],
    }
    text = OmegaConf.to_yaml(OmegaConf.create(tree))
    (tmp_path / "config.yaml").write_text(text)
    assert read_yaml(tmp_path / "config.yaml") == tree
    assert OmegaConf.to_container(OmegaConf.create(text)) == tree


def test_nothing_is_looked_up(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET", "hunter2")
    (tmp_path / "file").write_text("a: ${oc.env:SECRET}\nb: ${now:%Y}\n")
    assert read_yaml(tmp_path / "file") == {"a": "${oc.env:SECRET}", "b": "${now:%Y}"}


def test_lines_have_a_bound(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"one\ntwo")
    assert list(read_lines(path)) == [b"one\n", b"two"]
    monkeypatch.setattr(safe_files, "LINES_BYTES", 6)
    with pytest.raises(UnreadableError, match="is too large"):
        list(read_lines(path))


def test_the_end_of_a_log(tmp_path):
    path = tmp_path / "run.log"
    path.write_bytes(b"x" * 200_000 + b"\nlast \xff")
    assert read_tail(path).splitlines()[-1] == "last \ufffd"
    assert len(read_tail(path)) <= safe_files.TAIL_BYTES
    for kind in ("link", "pipe", "folder"):
        BAD_FILES[kind][0](tmp_path / kind)
        assert read_tail(tmp_path / kind) == ""


def test_a_link_is_replaced_and_not_followed(tmp_path):
    (tmp_path / "victim").write_text("mine")
    (tmp_path / "results.json").symlink_to("victim")
    (tmp_path / f".results.json.{os.getpid()}.tmp").symlink_to("victim")
    write_atomically(tmp_path / "results.json", "{}")
    assert (tmp_path / "victim").read_text() == "mine"
    assert not (tmp_path / "results.json").is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results.json", "victim"]


@pytest.mark.parametrize("failing", ["open", "fsync"])
def test_an_error_of_the_disk_names_the_file(tmp_path, monkeypatch, failing):
    """As of a folder that `chattr +i` has made immutable, or of a disk that is full at the end."""

    def refuse(*arguments, **more):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(f"exp.system.files.os.{failing}", refuse)
    with pytest.raises(OSError, match="Operation not permitted") as refused:
        write_atomically(tmp_path / "results.json", "{}")
    assert storage_problem(refused.value) == f"{tmp_path}/results.json: Operation not permitted"
    monkeypatch.undo()
    assert not any(tmp_path.iterdir())
