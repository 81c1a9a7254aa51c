"""The files of a run folder: what a run writes is read as it stands, and anything else is refused by name."""

import json
import os

import pytest

from exp.errors import UserError
from exp.run_folder import read as run_files
from exp.run_folder.new import is_of_refused_run, new_folder
from exp.run_folder.read import is_completed, manifest_if_any, results_if_any
from exp.run_folder.stored import GROUPS, folder_to_resume, stored_config
from exp.system.safe_files import MissingError, UnreadableError
from tests.support.strangers import BAD_FILES, BAD_JSON


def write_config(folder, text: str) -> None:
    (folder / ".hydra").mkdir()
    (folder / ".hydra" / "config.yaml").write_text(text)


def whole_config(**groups) -> str:
    return json.dumps({**{name: {} for name in GROUPS}, "mode": "train", "seed": 0, **groups})


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("results", {"status": ["completed"]}, r"status=\['completed'\]: must be a valid string"),
        ("results", {"status": {"a": {"b": 1}}}, "status=.*: must be a valid string"),
        ("results", {"train": {"loss": "0.5"}}, "train.loss=0.5: must be a valid number"),
        ("results", {"train": {"loss": {"nested": 1}}}, "train.loss=.*: must be a valid number"),
        ("results", {"train": 3}, "train=3: must be a valid dictionary$"),
        ("results", {"test": {"accuracy": True}}, "test.accuracy=True: must be a valid number"),
        ("results", {"step": "many"}, "step=many: must be a valid integer"),
        ("results", {"step": -1}, "step=-1: must be greater than or equal to 0"),
        ("results", {"examples_per_second": "fast"}, "examples_per_second=fast: must be a valid number"),
        ("results", {"error": 7}, "error=7: must be a valid string"),
        ("manifest", {"devices": {"threads": "2"}}, "devices.threads=2: must be a valid integer"),
        ("manifest", {"devices": {"used": "CPU:0"}}, "devices.used=CPU:0: must be a valid list"),
        ("manifest", {"git": "abc"}, "git=abc: must be a valid dict"),
        ("manifest", {"packages": {"numpy": {"a": 1}}}, "packages.numpy=.*: must be a valid string"),
        ("manifest", {"previous": {"0": 1}}, "previous=.*: must be a valid list"),
        ("manifest", {"previous": [{"results": {"step": "x"}}]}, "previous.0.results.step=x: must be a valid integer"),
        ("manifest", {"config_hash": ["a"]}, "config_hash=.*: must be a valid string"),
    ],
)
def test_what_no_run_writes_is_named(tmp_path, name, content, reason):
    (tmp_path / f"{name}.json").write_text(json.dumps(content))
    with pytest.raises(UnreadableError, match=rf"/{name}\.json: {reason}"):
        getattr(run_files, f"read_{name}")(tmp_path)


def test_later_versions_may_add_keys(tmp_path):
    results = {"status": "completed", "best": {"metric": "test/loss"}, "test": {"loss": 1, "per_class": [0.5, 1]}}
    (tmp_path / "results.json").write_text(json.dumps(results))
    assert run_files.read_results(tmp_path) == results


@pytest.mark.parametrize("kind", [*BAD_FILES, *BAD_JSON])
def test_results_that_cannot_be_believed_are_none(tmp_path, kind):
    """For whoever goes on with a run: it has not ended."""
    path = tmp_path / "results.json"
    BAD_FILES[kind][0](path) if kind in BAD_FILES else path.write_text(BAD_JSON[kind][0])
    assert results_if_any(tmp_path) == {}
    assert not is_completed(tmp_path)
    assert manifest_if_any(tmp_path) == {}


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ('{"step": 10, "loss": "0.5"}', "line 2: loss=0.5: must be a valid number"),
        ('{"step": 10, "loss": [0.5]}', "line 2: loss=.*: must be a valid number"),
        ('{"step": 10, "loss": NaN}', "line 2: loss=nan: must be a finite number"),
        ('{"step": 1e999, "loss": 1}', "line 2: step=.*: must be"),
        ('{"step": {"a": 1}}', "line 2: step=.*: must be a valid integer"),
        ('{"loss": 1}', "line 2: step: Field required"),
        ('["step", {}', "line 2: is damaged"),
        (f'{{"step": 10, "other": {"[" * 200_000}}}', "line 2: is damaged"),
        ("\xff}", "line 2: is damaged"),
    ],
)
def test_a_log_that_no_run_writes_is_named(tmp_path, lines, reason):
    text = f'{{"step": 0, "loss": 1.0}}\n{lines}\n'
    (tmp_path / "metrics.jsonl").write_bytes(text.encode("latin-1"))
    if not lines.endswith("}"):
        assert run_files.read_losses(tmp_path) == [(0, 1.0)]  # a killed process did not finish it
        return
    with pytest.raises(UnreadableError, match=reason):
        run_files.read_losses(tmp_path)


def test_losses(tmp_path):
    assert run_files.read_losses(tmp_path) == []
    lines = ['{"step": 10, "loss": 0.1}', '{"step": 20, "loss": null}', '{"step": 30, "test/loss": 1}', '{"step": 4']
    (tmp_path / "metrics.jsonl").write_text("\n".join(lines))
    assert run_files.read_losses(tmp_path) == [(10, 0.1)]


PLACES = ("run.log", "worker-1.log", ".lock", "results.json", "manifest.json", "metrics.jsonl", ".job.json", "plugins")
DEEPER = (".hydra/hydra.yaml", "checkpoints/ckpt-1.index", "checkpoints/.saving", "events.out.tfevents.1.host.2")


@pytest.mark.parametrize("place", [*PLACES, *DEEPER, "checkpoints", "plugins/profile"])
def test_nothing_that_is_written_to_leads_elsewhere(tmp_path, place):
    run, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    run.mkdir()
    elsewhere.mkdir()
    write_config(run, whole_config())
    folder_to_resume(run)
    (run / place).parent.mkdir(exist_ok=True)
    (run / place).unlink(missing_ok=True)
    (run / place).symlink_to(elsewhere)
    with pytest.raises(UserError, match=rf"^{run / place}: is a link, and links are not followed; move it away$"):
        folder_to_resume(run)
    (run / place).unlink()
    os.mkfifo(run / place)
    with pytest.raises(UserError, match=rf"^{run / place}: is not a file; move it away$"):
        folder_to_resume(run)
    assert not any(elsewhere.iterdir())


def test_a_users_own_links_are_left_alone(tmp_path):
    write_config(tmp_path, whole_config())
    (tmp_path / "favourite").symlink_to("checkpoints/ckpt-1.index")
    assert folder_to_resume(tmp_path) == tmp_path


def test_a_folder_of_configuration_that_is_a_link_is_refused(tmp_path):
    (tmp_path / "other").mkdir()
    write_config(tmp_path / "other", whole_config())
    (tmp_path / ".hydra").symlink_to("other/.hydra")
    with pytest.raises(UserError, match=r"\.hydra: is a link"):
        stored_config("run", tmp_path)


@pytest.mark.parametrize(
    "value", ["${oc.env:SECRET}", ["a", {"b": "x${oc.env:SECRET}"}], "${now:%Y}", "${", "${data.dir}", "${exp:${a}}"]
)
def test_nothing_that_a_stored_configuration_refers_to_is_looked_up(tmp_path, monkeypatch, value):
    monkeypatch.setenv("SECRET", "hunter2")
    write_config(tmp_path, whole_config(data={"dir": value}))
    with pytest.raises(UserError, match=r"config\.yaml: data\.dir is .*\$\{.*; a stored configuration") as refused:
        stored_config("run", tmp_path)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("value", [None, "text", 3, [{"name": "function"}]])
def test_a_stored_configuration_has_groups(tmp_path, value):
    write_config(tmp_path, whole_config(exec=value))
    with pytest.raises(UserError, match=r"config\.yaml: exec is not a group of keys"):
        stored_config("run", tmp_path)


def test_what_is_missing_is_said(tmp_path):
    with pytest.raises(UserError, match=r"^run=.*: there is no such folder$"):
        stored_config("run", tmp_path / "absent")
    with pytest.raises(UserError, match=r"is not the folder of a run \(it has no \.hydra/config\.yaml\)"):
        stored_config("run", tmp_path)
    with pytest.raises(MissingError):
        run_files.read_config(tmp_path)


def test_a_manifest_that_cannot_be_carried_on_is_refused_before_anything_is_written(tmp_path):
    write_config(tmp_path, whole_config())
    (tmp_path / "manifest.json").write_text('{"previous": 3}')
    with pytest.raises(UserError, match=r"manifest\.json: previous=3: must be a valid list"):
        folder_to_resume(tmp_path)


@pytest.mark.parametrize(
    ("names", "taken_again"),
    [
        ([], True),
        (["run.log"], True),
        (["run.log", ".lock", "worker-1.log", ".job.json"], True),
        (["run.log", "notes.txt"], False),
        (["manifest.json"], False),
        ([".hydra"], False),
    ],
)
def test_a_folder_of_a_refused_run_is_taken_again(tmp_path, names, taken_again):
    for name in names:
        (tmp_path / name).touch()
    assert is_of_refused_run(tmp_path) is taken_again


def test_a_log_that_is_a_link_is_not_one_of_ours(tmp_path):
    (tmp_path / "run.log").symlink_to("elsewhere")
    assert not is_of_refused_run(tmp_path)


def test_a_folder_is_named_as_it_was_given(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=rf"^{tmp_path}/file/a: cannot be made"):
        new_folder(tmp_path / "file" / "a", key=None)
