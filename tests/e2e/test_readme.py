"""What the README and the how-tos say, done as they say it."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.following import checked, follow
from tests.support.forked_python import ForkedPython
from tests.support.jobs import results
from tests.support.networks import sequential
from tests.support.pages import links
from tests.support.programs import PROGRAMS
from tests.support.root import ROOT
from tests.support.saving import assert_same, batch, step, store, values_of

README = ROOT / "README.md"
HOW_TOS = {path.stem: path for path in sorted((ROOT / "docs" / "how-to").glob("*.md")) if ".zh" not in path.suffixes}
"""Their Chinese twins have the same blocks: tests/docs/test_site.py."""
PAGES = {"README": README, **HOW_TOS}


def code_with(part: str, *, page: str) -> str:
    """The only program on a page that has this in it."""
    (code,) = [code for code in re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL) if part in code]
    return code


def test_the_readme_is_short_and_its_links_lead_somewhere():
    assert len(README.read_text().splitlines()) <= 120
    assert not [link for link in links(README) if not (ROOT / link.split("#")[0]).exists()]


@pytest.fixture(scope="module")
def python() -> Iterator[Path]:
    """A folder with a `python` that forks programs from a process that has imported TensorFlow."""
    with ForkedPython(PROGRAMS) as forked:
        yield forked.folder


@pytest.mark.slow  # minutes: dozens of runs, one after the other
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_followed(python, name, tmp_path):
    wrong = follow(PAGES[name], tmp_path, python)
    assert not wrong, "\n\n".join(wrong)


@pytest.mark.parametrize("name", PAGES)
def test_the_commands_of_a_page_have_the_right_keys_and_programs(name):
    wrong = checked(PAGES[name])
    assert not wrong, "\n\n".join(wrong)


def test_a_deferred_restore_is_three_lines(tf, tmp_path):
    import keras

    model, optimizer = sequential(with_input=False), keras.optimizers.Adam()
    step(model, optimizer, batch())
    checkpoints = store(tmp_path, model, optimizer)
    checkpoints.save(1, examples=8)
    checkpoints.wait()
    there = {
        "prefix": tmp_path / "ckpt-1",
        "model": sequential(with_input=False),
        "optimizer": keras.optimizers.Adam(),
        "train_one_step": lambda model, optimizer: step(model, optimizer, batch(2)),
    }
    exec(code_with("restore_deferred", page=HOW_TOS["checkpoints"].read_text()), there)
    step(model, optimizer, batch(2))
    assert_same(values_of(model, optimizer), values_of(there["model"], there["optimizer"]))


def test_a_model_is_two_files(tmp_path):
    for name in ("conf", "src"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "run.py", tmp_path)
    (yaml,) = re.findall(r"```yaml\n(.*?)```", README.read_text(), flags=re.DOTALL)
    code = code_with("def create", page=README.read_text())
    (tmp_path / "src" / "exp" / "model" / "deep.py").write_text(code)
    (tmp_path / "conf" / "model" / "deep.yaml").write_text(yaml)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "run.py", "model=deep", *arguments]
        environment = {**os.environ, "PYTHONPATH": str(tmp_path / "src")}
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment, check=False)

    refused = run("model.depth=0")
    assert (refused.returncode, refused.stderr) == (2, "model.depth=0: must be a whole number above 0\n")
    done = run("model.depth=5", "train.steps=20", "hydra.run.dir=run")
    assert done.returncode == 0, done.stderr
    assert results(tmp_path / "run")["test"]["accuracy"] > 0.3


def test_the_mistake_it_shows_is_what_is_said(tmp_path):
    arguments, said = re.search(r"\$ python run\.py (\S+)\n    (.+)\n", README.read_text()).groups()
    command = [sys.executable, str(ROOT / "run.py"), arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, f"{said}\n")
