"""Records that somebody else has written: each is refused by name, whatever it holds."""

import json
import os

import pytest

from tests.support.saving import store
from tests.support.strangers import BAD_FILES, BAD_JSON


@pytest.fixture
def prefix(model, tmp_path):
    """Of a checkpoint."""
    checkpoints = store(tmp_path / "checkpoints", model)
    checkpoints.save(10, examples=80)
    checkpoints.close()
    return tmp_path / "checkpoints" / "ckpt-10"


def change_record(prefix, **changes) -> None:
    """Write a record that names its own SHA-256, as a stranger can."""
    from exp.checkpoint.record import _body_digest, record_path

    body = {**json.loads(record_path(prefix).read_text()), **changes}
    del body["record_sha256"]
    record_path(prefix).write_text(json.dumps({**body, "record_sha256": _body_digest(body)}))


@pytest.mark.parametrize("kind", [*BAD_FILES, *BAD_JSON])
def test_a_record_that_cannot_be_read_is_named(prefix, kind):
    from exp.checkpoint import CheckpointError
    from exp.checkpoint.record import read_record, record_path

    record_path(prefix).unlink()
    if kind in BAD_FILES:
        BAD_FILES[kind][0](record_path(prefix))
    else:
        record_path(prefix).write_text(BAD_JSON[kind][0])
    with pytest.raises(CheckpointError, match=rf"^{prefix}\.json: "):
        read_record(prefix)


@pytest.mark.parametrize(
    "name",
    ["..", ".", "", "/etc/passwd", "../ckpt-10.index", "ckpt-10.index/..", "ckpt-10.data-0/../../x", "other", "a\0b"],
)
def test_a_record_names_files_beside_it_only(prefix, name):
    from exp.checkpoint import CheckpointError
    from exp.checkpoint.record import read_record

    files = json.loads(prefix.with_name("ckpt-10.json").read_text())["files"]
    change_record(prefix, files={**files, name: {"size": 1, "sha256": "a"}})
    with pytest.raises(CheckpointError, match=r"ckpt-10\.json: is damaged, it names .*, which is no file beside it"):
        read_record(prefix)


@pytest.mark.parametrize(
    "changes",
    [
        {"step": "10"},
        {"metrics": {"test/accuracy": {"nested": 1}}},
        {"metrics": {"test/accuracy": "0.5"}},
        {"structure": {"a": {"b": 1}}},
        {"variables": [{"path": 1}]},
        {"files": ["ckpt-10.index"]},
        {"versions": None},
    ],
)
def test_a_record_has_values_of_the_right_kind(prefix, changes):
    from exp.checkpoint import CheckpointError
    from exp.checkpoint.record import read_record

    change_record(prefix, **changes)
    with pytest.raises(CheckpointError, match=r"ckpt-10\.json: is damaged, it is not the record of a checkpoint"):
        read_record(prefix)


@pytest.mark.parametrize("name", ["ckpt-10.index", "ckpt-10.data-00000-of-00001"])
@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_files_that_are_not_there_themselves_are_refused(prefix, tmp_path, name, kind):
    from exp.checkpoint import CheckpointError
    from exp.checkpoint.record import read_record

    path = prefix.with_name(name)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere") if kind == "link" else os.mkfifo(path)
    with pytest.raises(CheckpointError, match=rf"^{path}: "):
        read_record(prefix)


def test_a_folder_of_checkpoints_that_is_a_link_is_refused(prefix, tmp_path):
    from exp.checkpoint import CheckpointError, newest_to_test

    (tmp_path / "link").symlink_to(prefix.parent)
    with pytest.raises(CheckpointError, match="link: is a link, and links are not followed"):
        newest_to_test(tmp_path / "link", "ckpt")


@pytest.mark.parametrize("what", ["key", "structure"])
def test_a_record_that_does_not_fit_its_files_changes_nothing(prefix, model, what):
    from exp.checkpoint import CheckpointError, restore

    raw = json.loads(prefix.with_name("ckpt-10.json").read_text())
    if what == "structure":
        changes, reason = {"structure": dict.fromkeys(raw["structure"], "")}, "is not a checkpoint of this model"
    else:
        changes = {"variables": [{**entry, "key": "nowhere\x1b[2J"} for entry in raw["variables"]]}
        reason = "cannot be read"
    change_record(prefix, **changes)
    before = [weight.numpy().tolist() for weight in model.weights]
    with pytest.raises(CheckpointError, match=reason):
        restore(prefix, {"model": model})
    assert [weight.numpy().tolist() for weight in model.weights] == before


@pytest.mark.parametrize(
    "content", [b"\xff\xfe\x00", b"[" * 10_000, b'model_checkpoint_path: "../../../etc/passwd"', b"", b"{" * 100]
)
def test_a_folder_that_is_none_of_checkpoints_is_not_imported(tmp_path, tf, content):
    from exp.checkpoint import CheckpointError
    from exp.checkpoint.keras2 import find_foreign

    (tmp_path / "checkpoint").write_bytes(content)
    with pytest.raises(CheckpointError, match="is not the prefix of a checkpoint"):
        find_foreign(tmp_path, None)
