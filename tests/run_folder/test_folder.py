"""The run folder: names, locks, and files that are whole."""

import hashlib
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from exp.config.config_hash import config_hash
from exp.errors import UserError
from exp.run_folder.folder import RunFolder
from exp.run_folder.new import new_folder, remove_refused
from exp.run_folder.results import Results
from exp.system.files import write_atomically
from exp.system.lock import Lock
from exp.system.provenance import Code, package_versions


def test_each_gets_a_folder_of_its_own(tmp_path):
    wanted = tmp_path / "day" / "run"
    made = [new_folder(wanted) for _ in range(3)]
    assert [path.name for path in made] == ["run", "run-2", "run-3"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match="cannot be made"):
        new_folder(tmp_path / "day" / "run")


def test_a_file_in_the_way_is_named(tmp_path):
    (tmp_path / "day").write_text("a file")
    with pytest.raises(UserError, match=r"hydra.run.dir=.*cannot be made"):
        new_folder(tmp_path / "day" / "run")


def test_a_second_one_in_a_folder_is_refused(tmp_path):
    folder = RunFolder(tmp_path)
    code = "import sys; from pathlib import Path; from exp.run_folder.folder import RunFolder as R;R(Path(sys.argv[1]))"
    command = [sys.executable, "-c", code, str(tmp_path)]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert refused.returncode != 0
    assert "another process is running in this folder" in refused.stderr
    folder.close()
    assert subprocess.run(command, check=False).returncode == 0


def test_a_killed_process_leaves_no_lock(tmp_path):
    code = (
        "import os, signal, sys; from pathlib import Path; from exp.run_folder.folder import RunFolder; "
        "folder = RunFolder(Path(sys.argv[1])); os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == -9
    assert (tmp_path / ".lock").exists()
    RunFolder(tmp_path).close()
    assert not (tmp_path / ".lock").exists()


def test_writing_replaces_the_whole_file(tmp_path):
    path = tmp_path / "file.json"
    write_atomically(path, "old" * 1000)
    write_atomically(path, "new")
    assert path.read_text() == "new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.json"]


def test_manifest_tells_code_packages_and_machine(tmp_path):
    folder = RunFolder(tmp_path)
    folder.write_manifest({"seed": 3})
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["seed"] == 3
    assert manifest["packages"]["tensorflow"] == package_versions()["tensorflow"] is not None
    assert {"started", "git", "python", "platform"} <= set(manifest)
    folder.close()


def test_a_resumed_run_keeps_its_first_manifest(tmp_path):
    folder = RunFolder(tmp_path)
    for seed in (1, 2, 3):
        folder.write_manifest({"seed": seed})
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert [manifest["seed"], *(earlier["seed"] for earlier in manifest["previous"])] == [3, 1, 2]
    folder.close()


def test_what_changed_since_a_run_began_is_told(tmp_path):
    folder = RunFolder(tmp_path)
    assert folder.write_manifest({"devices": {"threads": 2, "used": ["CPU:0"]}, "jit_compile": True}) == []
    assert folder.write_manifest({"devices": {"threads": 2, "used": ["CPU:0"]}, "jit_compile": True}) == []
    changed = folder.write_manifest({"devices": {"threads": 4, "used": ["CPU:0"]}, "jit_compile": False})
    assert changed == ["threads 4 (was 2)", "jit_compile False (was True)"]
    folder.close()


def test_config_hash_knows_content_and_not_order():
    assert config_hash({"a": 1, "b": [2]}) == config_hash({"b": [2], "a": 1})
    assert config_hash({"a": 1}) != config_hash({"a": 2})


def test_results_have_every_key_from_the_start():
    assert set(Results(mode="train").facts()) == {
        *("status", "mode", "step", "examples", "replicas", "train", "test", "weights_sha256", "seconds"),
        *(
            "examples_per_second",
            "checkpoint",
            "error",
            "time",
            "traces",
            "trace_list",
            "compiled",
            "validation",
            "best",
        ),
        *("stopped", "rewinds", "tested", "selected_on", "test_readings"),
    }


def test_a_metric_that_is_not_finite_is_null(tmp_path):
    folder = RunFolder(tmp_path)
    folder.write_results(Results(mode="train", test={"loss": 0.5, "mae": math.nan, "r2": -math.inf}).facts())
    folder.close()
    assert json.loads((tmp_path / "results.json").read_text())["test"] == {"loss": 0.5, "mae": None, "r2": None}


def test_the_folder_of_a_refused_run_goes_with_those_that_were_made_for_it(tmp_path):
    def refused(made: Path | None, log: str = "INFO\n", **others: str) -> str:
        folder = tmp_path / "a" / "b" / "run"
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in {"run.log": log, **others}.items():
            (folder / name).write_text(text)
        return remove_refused(folder, made, shown=Path("run"))

    assert refused(tmp_path / "a" / "b") == ""
    assert list(tmp_path.rglob("*")) == [tmp_path / "a"]
    kept = [tmp_path / "a" / "b" / "run", tmp_path / "a" / "b" / "run" / "run.log"]
    trace = "Traceback (most recent call last):\n"
    for made in (tmp_path / "a", None):
        assert refused(made, trace) == "; the traceback is in run/run.log"
    assert refused(None) == ""
    assert sorted(tmp_path.rglob("*"))[2:] == kept
    assert refused(tmp_path / "a", notes="mine") == ""
    assert (tmp_path / "a" / "b" / "run" / "notes").read_text() == "mine"
    (tmp_path / "a" / "b" / "run" / "notes").unlink()
    lock = Lock(tmp_path / "a" / "b" / "run" / ".lock")
    assert refused(tmp_path / "a") == ""
    lock.close()
    assert (tmp_path / "a" / "b" / "run" / "run.log").is_file()


def test_every_installed_package_is_kept(tmp_path, monkeypatch):
    """Also those that a run began with, if it is resumed with others."""
    for text in ("a==1\n", "a==1\n", "a==2\n"):
        monkeypatch.setattr("exp.run_folder.folder.freeze", lambda text=text: text)
        folder = RunFolder(tmp_path)
        folder.write_manifest({})
        folder.close()
    digests = [hashlib.sha256(text).hexdigest() for text in (b"a==1\n", b"a==2\n")]
    kept = {path.name: path.read_text() for path in tmp_path.glob("packages*")}
    assert kept == {f"packages.txt.{digests[0][:10]}": "a==1\n", "packages.txt": "a==2\n"}
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["packages_sha256"] == digests[1]
    assert manifest["previous"][0]["packages_sha256"] == digests[0]


def test_what_was_not_committed_is_kept(tmp_path, monkeypatch):
    """Also what a run began with, if it is resumed with other changes; nothing that is too large."""

    def write(**patches: bytes) -> None:
        facts = {"exp": "0", "git": {"commit": "abc", "dirty": bool(patches), "patch": None}, "code": {}}
        code = Code(facts, {package.removeprefix("own"): patch for package, patch in patches.items()})
        monkeypatch.setattr("exp.run_folder.folder.code_of", lambda targets: code)
        folder = RunFolder(tmp_path)
        folder.write_manifest({})
        folder.close()

    def kept() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in tmp_path.glob("uncommitted*")}

    write()
    assert kept() == {}
    for _ in range(2):
        write(own=b"one \xff\n", my_models=b"theirs\n")
        assert kept() == {"uncommitted.patch": b"one \xff\n", "uncommitted-my_models.patch": b"theirs\n"}
    write(own=b"two\n", my_models=b"theirs\n")
    former = f"uncommitted.patch.{hashlib.sha256(b'one ' + bytes([255]) + b'%c' % 10).hexdigest()[:10]}"
    assert kept() == {former: b"one \xff\n", "uncommitted.patch": b"two\n", "uncommitted-my_models.patch": b"theirs\n"}
    write(own=bytes(2**20 + 1))
    assert sorted(kept().values()) == [b"one \xff\n", b"theirs\n", b"two\n"]
    assert not (tmp_path / "uncommitted.patch").exists()
