"""Which code a run is made by, wherever one stands."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from exp.system import provenance
from exp.system.provenance import bearing, code_of, git_state, package_versions


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path):
    """With a committed module `my_models`."""
    folder = tmp_path / "mine"
    folder.mkdir()
    git(folder, "init")
    (folder / "my_models.py").write_text("1\n")
    (folder / ".gitignore").write_text("/environment/\n")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "first")
    return folder


def test_git_state(repository, tmp_path):
    assert git_state(tmp_path) is None
    clean = git_state(repository)
    assert clean is not None
    assert len(clean["commit"]) == 40
    assert clean["dirty"] is False
    (repository / "my_models.py").write_text("2\n")
    changed = git_state(repository)
    assert (changed["commit"], changed["dirty"]) == (clean["commit"], True)
    assert (clean["patch"], len(changed["patch"])) == (None, 64)


def test_the_patch_makes_of_the_commit_what_was_run(repository, tmp_path, monkeypatch):
    """Changed, new and binary files; and equal changes are known as such."""
    monkeypatch.syspath_prepend(str(repository))
    (repository / "weights.bin").write_bytes(bytes(range(256)))
    git(repository, "add", ".")
    git(repository, "commit", "-m", "second")
    git(repository, "clone", str(repository), str(tmp_path / "again"))
    (repository / "my_models.py").write_text("2 \n")
    (repository / "weights.bin").write_bytes(bytes(reversed(range(256))))
    (repository / "conf").mkdir()
    (repository / "conf" / "new layer.yaml").write_text("größe: 1\n")
    monkeypatch.setattr(provenance, "own_state", lambda: None)
    code = code_of(["my_models.create"])
    assert code.patches.keys() == {""}
    assert hashlib.sha256(code.patches[""]).hexdigest() == code.facts["git"]["patch"]
    (tmp_path / "patch").write_bytes(code.patches[""])
    git(tmp_path / "again", "apply", str(tmp_path / "patch"))
    for name in ("my_models.py", "weights.bin", "conf/new layer.yaml"):
        assert (tmp_path / "again" / name).read_bytes() == (repository / name).read_bytes()
    assert git_state(tmp_path / "again") == git_state(repository)
    for setting in ("diff.context=1", "diff.noprefix=true", "diff.algorithm=patience", "color.ui=always"):
        git(repository, "config", *setting.split("="))
    assert git_state(repository)["patch"] == code.facts["git"]["patch"]
    (repository / "my_models.py").write_text("3\n")
    assert git_state(repository)["patch"] != code.facts["git"]["patch"]


@pytest.mark.parametrize("name", [b"caf\xe9.py", b" a.py", b"a b\n.py"])
def test_new_files_with_any_name_are_in_the_patch(repository, name):
    (repository / os.fsdecode(name)).write_text("x\n")
    one = git_state(repository)["patch"]
    assert one is not None
    (repository / os.fsdecode(name)).write_text("y\n")
    assert git_state(repository)["patch"] not in (one, None)


def test_too_many_new_files_are_not_read(repository):
    for number in range(201):
        (repository / f"{number}.py").write_text("x\n")
    state = git_state(repository)
    assert (state["dirty"], state["patch"]) == (True, None)


def test_each_repository_has_a_patch_of_its_own(repository, tmp_path, monkeypatch):
    other = tmp_path / "others" / "my_data.py"
    other.parent.mkdir()
    other.write_text("1\n")
    for arguments in (["init"], ["add", "."], ["commit", "-m", "first"]):
        git(other.parent, *arguments)
    for path in (repository, other.parent):
        monkeypatch.syspath_prepend(str(path))
    other.write_text("2\n")
    (repository / "my_models.py").write_text("2\n")
    monkeypatch.setattr(provenance, "own_state", lambda: None)
    code = code_of(["my_models.create", "my_data.load"])
    assert code.patches.keys() == {"", "my_data"}
    for package, path in (("", repository / "my_models.py"), ("my_data", other)):
        (tmp_path / "patch").write_bytes(code.patches[package])
        git(path.parent, "apply", "--reverse", str(tmp_path / "patch"))
        assert path.read_text() == "1\n"


@pytest.mark.parametrize("name", ["deep.py", "conf/model/deep.yaml", "new/deep.yml"])
def test_code_that_git_does_not_know_is_a_change(repository, name):
    (repository / name).parent.mkdir(parents=True, exist_ok=True)
    (repository / name).write_text("x\n")
    assert git_state(repository)["dirty"] is True


@pytest.mark.parametrize("name", ["notes.txt", "outputs/run/.hydra/config.yaml", "x/.hydra/config.yaml"])
def test_what_runs_write_and_what_is_no_code_is_none(repository, name):
    (repository / name).parent.mkdir(parents=True, exist_ok=True)
    (repository / name).write_text("x\n")
    assert git_state(repository)["dirty"] is False


def test_an_environment_in_a_repository_is_not_of_it(repository):
    (repository / "environment").mkdir()
    (repository / "environment" / "installed.py").write_text("")
    assert git_state(repository / "environment" / "installed.py") is None


def test_what_git_does_not_tell_is_not_called_clean(repository, monkeypatch):
    asked = provenance._git
    monkeypatch.setattr(provenance, "_git", lambda folder, *a: None if a[0] == "status" else asked(folder, *a))
    assert git_state(repository)["dirty"] is None


def test_the_commit_is_that_of_the_code_and_not_of_the_folder_one_stands_in(repository, tmp_path):
    """Standing in a repository that has nothing to do with the run."""
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init")
    (other / "file").write_text("")
    git(other, "add", ".")
    git(other, "commit", "-m", "unrelated")
    program = (
        "from exp.system.provenance import code_of; print(code_of(['exp.model.mlp.create', 'my_models.create']).facts)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=other,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(repository), *filter(None, sys.path)])},
        capture_output=True,
        text=True,
        check=True,
    )
    facts = eval(done.stdout)
    assert facts["git"] == git_state(Path(provenance.__file__))
    assert facts["code"] == {"my_models": git_state(repository)}
    assert facts["exp"] == package_versions(("exp",))["exp"] is not None


def test_an_installed_package_leaves_the_place_to_the_users_code(repository, monkeypatch):
    monkeypatch.syspath_prepend(str(repository))
    monkeypatch.setattr(provenance, "own_state", lambda: None)
    facts = code_of(["my_models.create", "nowhere.create"]).facts
    assert facts["git"] == git_state(repository)
    assert facts["exp_commit"] is None


def test_an_installed_package_is_of_no_repository_around_it(repository, monkeypatch):
    """An environment may lie in the user's repository, and not be ignored there."""
    place = repository / "env" / "lib" / "site-packages" / "exp"
    place.mkdir(parents=True)
    (place / "commit.txt").write_text("abc+changes\n")
    monkeypatch.setattr(provenance, "_EXP", place)
    monkeypatch.setattr(provenance, "own_state", provenance.own_state.__wrapped__)  # found out anew
    facts = code_of([]).facts
    assert (facts["git"], facts["exp_commit"]) == (None, "abc+changes")


def test_a_resumed_run_is_told_of_other_commits_of_its_code():
    facts = [
        {"git": None, "code": {"my_models": {"commit": commit, "dirty": False}}} for commit in ("a" * 40, "b" * 40)
    ]
    assert bearing(facts[0])["commit of my_models"] == "a" * 10
    assert bearing(facts[0]) != bearing(facts[1])
