"""Every program of the guide prints what the page says, and every command on it works.

Each page is followed from top to bottom, as a reader would, in a folder of its own.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import projects
from tests.support.following import checked, follow
from tests.support.forked_python import ForkedPython
from tests.support.pages import blocks, links, names, page
from tests.support.programs import PROGRAMS
from tests.support.root import ROOT

SHOWN = ("regression", "language-model")
"""The projects that the guide walks through; tests/conformance/test_tasks.py runs all of them."""
NOT_SHOWN = tuple(f"examples/projects/{name}" for name in projects.NAMES if name not in SHOWN)
EXAMPLES = sorted(
    path
    for path in (str(path.relative_to(ROOT)) for path in (ROOT / "examples").rglob("*.*"))
    if not path.endswith(".pyc") and not path.startswith(NOT_SHOWN)
)


@pytest.fixture(scope="module")
def python() -> Iterator[Path]:
    """A folder with a `python` that forks programs from a process that has imported TensorFlow."""
    with ForkedPython(PROGRAMS) as forked:
        yield forked.folder


@pytest.mark.parametrize("name", names())
def test_the_commands_of_a_page_have_the_right_keys_and_programs(name):
    wrong = checked(page(name))
    assert not wrong, "\n\n".join(wrong)


@pytest.mark.parametrize("name", names())
def test_a_page_can_be_followed(python, tmp_path, name):
    wrong = follow(page(name), tmp_path, python)
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
