"""Every decision record has what a record has, and the index has every record."""

import re

import pytest

from tests.support.pages import links
from tests.support.root import ROOT

FOLDER = ROOT / "docs" / "adr"
RECORDS = sorted(path.name for path in FOLDER.glob("[0-9]*.md"))
PARTS = ["Context", "Decision", "Alternatives considered", "Consequences"]
STATUS = re.compile(r"Date: 20\d\d-\d\d-\d\d\. Status: (proposed|accepted|replaced by \[\d{4}\]\(.+\))\.")


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_has_its_number_a_date_a_status_and_four_parts(name):
    title, _, head, *_ = (FOLDER / name).read_text().splitlines()
    assert title.startswith(f"# {name[:4]} ")
    assert STATUS.match(head), head
    assert re.findall(r"^## (.+)$", (FOLDER / name).read_text(), flags=re.MULTILINE) == PARTS


def test_numbers_are_given_once_and_without_gaps():
    assert [int(name[:4]) for name in RECORDS] == list(range(1, len(RECORDS) + 1))


def test_the_index_has_every_record_once():
    assert sorted(link for link in links(FOLDER / "README.md") if link[0].isdigit()) == RECORDS


@pytest.mark.parametrize("page", [page for page in sorted(ROOT.glob("docs/**/*.md")) if page.parent.name != "guide"])
def test_links_lead_somewhere(page):
    assert not [link for link in links(page) if not (page.parent / link.split("#")[0]).is_file()]


def test_the_picture_of_speed_is_the_one_that_was_measured():
    shown, measured = ROOT / "docs" / "images" / "speed.png", ROOT / "benchmarks" / "results" / "speed.png"
    assert shown.read_bytes() == measured.read_bytes()
