"""Every program of the guide prints what the page says, and every command on it works.

Each page is followed from top to bottom, as a reader would, in a folder of its own.
"""

import doctest
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.forked_python import ForkedPython
from tests.support.pages import Block, blocks, links, names, page
from tests.support.programs import PROGRAMS
from tests.support.root import ROOT

NOT_TO_BE_WAITED_FOR = ("tensorboard ", "make ")
"""Commands that serve until they are stopped, or that install packages: they must exist."""

KEEP = 'if [ "${RUN-}" ]; then declare -p RUN > .shell; fi'
"""A reader's shell remembers the variable from one block of a page to the next."""

EXAMPLES = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "examples").rglob("*.*") if path.suffix != ".pyc")


@pytest.fixture(scope="module")
def python() -> Iterator[Path]:
    """A folder with a `python` that forks programs from a process that has imported TensorFlow."""
    with ForkedPython(PROGRAMS) as forked:
        yield forked.folder


@pytest.mark.parametrize("name", names())
def test_a_page_can_be_followed(python, tmp_path, name):
    wrong = follow(name, tmp_path, python)
    assert not wrong, "\n\n".join(wrong)


@pytest.mark.parametrize("name", names())
def test_both_languages_have_the_same_blocks(name):
    assert blocks(page(name)) == blocks(page(name, chinese=True))


def test_every_page_is_in_both_languages_and_in_the_navigation():
    expected = {page(name, chinese=chinese) for name in names() for chinese in (False, True)}
    assert set((ROOT / "docs" / "guide").iterdir()) == expected


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("chinese", [False, True])
def test_links_lead_somewhere(name, chinese):
    path = page(name, chinese=chinese)
    found = links(path)
    assert not [link for link in found if not (path.parent / link.split("#")[0]).is_file()]


def test_files_are_shown_as_they_are_and_none_is_left_out():
    shown = [block for name in names() for block in blocks(page(name)) if block.language != "sh"]
    assert sorted(block.title for block in shown) == EXAMPLES
    assert not [block.title for block in shown if (ROOT / block.title).read_text() != block.text]


def test_the_site_builds(tmp_path):
    place = Path(sys.prefix) / "docs"  # where `make docs` installs it
    path = f"{place}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    environment = {
        **os.environ,
        "PYTHONPATH": path,
        "NO_MKDOCS_2_WARNING": "1",
    }  # that one is no warning about our pages
    there = subprocess.run([sys.executable, "-c", "import mkdocs"], env=environment, capture_output=True, check=False)
    if there.returncode:
        pytest.skip("MkDocs is not installed; `make docs` does it")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    for name in names():
        for folder, language in ((tmp_path, "en"), (tmp_path / "zh", "zh")):
            assert f'<html lang="{language}"' in (folder / "guide" / f"{name}.html").read_text()


def follow(name: str, folder: Path, python: Path) -> list[str]:
    """Do what an (English) page says, in a folder that looks like the project; returns what went wrong.

    Args:
        name: of the page.
        folder: where it is done.
        python: the folder of the `python` that the page means.
    """
    for part in ("run.py", "scripts", "examples", "conf"):
        (folder / part).symlink_to(ROOT / part)
    found = blocks(page(name))
    run_by_commands = " ".join(block.text for block in found if block.language == "sh")
    wrong = []
    for block in found:
        if block.language == "sh":
            wrong += commands(block, folder, python)
        elif block.output is not None:
            wrong += program(["python", block.title], block, folder, python)
        elif Path(block.title).stem not in run_by_commands:
            wrong.append(f"{block.title}: nothing on the page runs it")
    return wrong


def commands(block: Block, folder: Path, python: Path) -> list[str]:
    """What is wrong with a block of commands."""
    if block.title:
        return [problem for command in block.commands for problem in configuration(command)]
    if any(command.startswith(NOT_TO_BE_WAITED_FOR) for command in block.commands):
        return [problem for command in block.commands for problem in existence(command)]
    script = f"[ ! -e .shell ] || . ./.shell\n{block.text}\n{KEEP}"
    return program(["bash", "-euo", "pipefail", "-c", script], block, folder, python)


def program(command: list[str], block: Block, folder: Path, python: Path) -> list[str]:
    """Run something as a user would, who has no GPU; say what differs from the page."""
    hidden = ("TF_CPP_MIN_LOG_LEVEL", "COLUMNS")  # the tests' own
    environment = {key: value for key, value in os.environ.items() if key not in hidden}
    environment |= {
        "PATH": f"{python}{os.pathsep}{path_with_environment()}",
        "XDG_CACHE_HOME": str(folder / "cache"),
        "CUDA_VISIBLE_DEVICES": "",
    }
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=200, check=False
    )
    if done.returncode:
        return [f"exit status {done.returncode}:\n{block.text}\n{done.stdout}\n{done.stderr}"]
    if block.output is not None and not doctest.OutputChecker().check_output(
        block.output, done.stdout, doctest.ELLIPSIS
    ):
        return [f"{block.title or block.text}: the page has\n{block.output}\nand it printed\n{done.stdout}"]
    return []


def configuration(command: str) -> list[str]:
    """What is wrong with the keys of a `python run.py ...` that cannot run here."""
    from exp.errors import UserError
    from exp.tools.program import composed

    python, script, *overrides = shlex.split(command.removeprefix("srun -N 2 "))
    assert (python, script) == ("python", "run.py")
    try:
        composed(overrides, conf=ROOT / "conf")
    except UserError as error:
        return [f"{command}: {error}"]
    return []


def existence(command: str) -> list[str]:
    """What is wrong with a command that is not run."""
    words = shlex.split(command)
    if words[0] == "make":
        return [] if re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE) else [command]
    return [] if shutil.which(words[0], path=path_with_environment()) else [command]


def path_with_environment() -> str:
    """PATH as after `source .venv/bin/activate`."""
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
