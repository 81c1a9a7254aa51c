"""Installed packages as `pip freeze` lists them, without pip."""

import json
import subprocess
import sys

from exp.system.installed import freeze, read_freeze


def test_the_packages_are_those_of_pip():
    """Pip lists the same names, and the same version of each; but itself, and what is installed from a folder."""
    told = subprocess.run(
        [sys.executable, "-m", "pip", "list", "--format=json"], capture_output=True, text=True, check=True
    )
    pip = {one["name"].lower().replace("_", "-").replace(".", "-"): one["version"] for one in json.loads(told.stdout)}
    ours = {name: version.partition("  #")[0] for name, version in read_freeze(freeze()).items()}
    assert {name: ours.get(name) for name in pip} == pip


def test_where_a_package_comes_from_is_told(tmp_path, monkeypatch):
    sources = {
        "plain-1.0": None,
        "from_folder-2.0": {"url": "file:///somewhere", "dir_info": {"editable": True}},
        "Of.Git-3.0": {"url": "https://me:secret@host/x", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
        "odd-4.0": ["no object"],
    }
    for name, source in sources.items():
        (tmp_path / f"{name}.dist-info").mkdir()
        if source is not None:
            (tmp_path / f"{name}.dist-info" / "direct_url.json").write_text(json.dumps(source))
    (tmp_path / "old-5.0-py3.11.egg-info").mkdir()
    (tmp_path / "nothing.dist-info").mkdir()
    monkeypatch.setattr(sys, "path", [str(tmp_path), str(tmp_path / "absent"), __file__])
    assert freeze() == (
        "from-folder==2.0  # from file:///somewhere\nodd==4.0\nof-git @ git+https://host/x@abc\nold==5.0\nplain==1.0\n"
    )
    assert read_freeze(freeze()) == {
        "from-folder": "2.0  # from file:///somewhere",
        "odd": "4.0",
        "of-git": "git+https://host/x@abc",
        "old": "5.0",
        "plain": "1.0",
    }
