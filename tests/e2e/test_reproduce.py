"""`scripts/reproduce.py`: the same again, or what else is not the same."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.support.jobs import results
from tests.support.programs import PROGRAMS


def reproduce(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return PROGRAMS.run("scripts/reproduce.py", *arguments, cwd=cwd)


@pytest.fixture(scope="module")
def folder(jobs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with one thread, and a test of it."""
    folder = tmp_path_factory.mktemp("reproduce")
    jobs.run("train.steps=30", "summary.every=1", "device.threads=1", "hydra.run.dir=run", cwd=folder).check()
    jobs.run("mode=test", "run=run", "hydra.run.dir=test", cwd=folder).check()
    return folder


def test_a_run_is_reproduced_to_the_last_bit(folder):
    done = reproduce("run", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "losses:  the same at every logged step\nweights: the same to the last bit\n" in done.stdout
    (again,) = folder.glob("outputs/*/*_reproduced")
    assert results(again)["weights_sha256"] == results(folder / "run")["weights_sha256"]
    assert json.loads((again / "manifest.json").read_text())["devices"]["threads"] == 1


def test_what_differs_is_named(folder, tmp_path):
    """As if the run had been made with other packages, from another commit."""
    subprocess.run(["cp", "-r", str(folder / "run"), str(tmp_path / "other")], check=True)
    manifest = json.loads((tmp_path / "other" / "manifest.json").read_text())
    manifest["packages"]["tensorflow"] = "2.20.0"
    manifest["git"] = {"commit": "0" * 40, "dirty": True}
    manifest["exp_commit"] = "1" * 40
    packages = tmp_path / "other" / "packages.txt"
    packages.write_text(packages.read_text().replace("rich==", "rich==0.") + "absent==1.0\n")
    (tmp_path / "other" / "manifest.json").write_text(json.dumps(manifest))
    (tmp_path / "other" / "results.json").write_text(
        json.dumps({**results(tmp_path / "other"), "weights_sha256": "another", "status": "interrupted", "step": 20})
    )
    lines = (tmp_path / "other" / "metrics.jsonl").read_text().splitlines()
    changed = [line.replace('"loss": ', '"loss": 1') if '"step": 12,' in line else line for line in lines[:20]]
    (tmp_path / "other" / "metrics.jsonl").write_text("\n".join(changed) + "\n")
    done = reproduce("other", cwd=tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "losses:  the same until step 12: " in done.stdout
    assert "1 of 20 logged steps differ" in done.stdout
    assert "weights: differ" in done.stdout
    assert f"  git.commit: {'0' * 40} | " in done.stdout
    assert f"  exp_commit: {'1' * 40} | " in done.stdout
    assert "  packages.tensorflow: 2.20.0 | " in done.stdout
    assert "  installed.absent: 1.0 | None" in done.stdout
    assert "  installed.rich: 0." in done.stdout
    assert "installed.tensorflow" not in done.stdout
    assert "  the code had been changed since its commit" in done.stdout
    (again,) = tmp_path.glob("outputs/*/*_reproduced")
    assert results(again)["step"] == 20


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere: is not the folder of a run"),
        (["test"], "test: is a test; give the run that it tested, run"),
    ],
)
def test_mistakes_have_status_2(folder, arguments, message):
    done = reproduce(*arguments, cwd=folder)
    assert (done.returncode, done.stderr.splitlines()[0][: len(message)]) == (2, message)
