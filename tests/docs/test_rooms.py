"""The picture of the rooms and the page about them are true of the code."""

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

from tests.support.root import ROOT

DOCS = ROOT / "docs"
ROOMS = [*sorted(path.parent.name for path in (ROOT / "src" / "exp").glob("*/__init__.py")), "errors"]


def drawn(place: Path) -> str:
    subprocess.run([sys.executable, str(DOCS / "draw_rooms.py"), str(place)], check=True)
    return place.read_text()


def test_the_picture_is_up_to_date(tmp_path):
    said = "the imports have changed; draw the picture again: python docs/draw_rooms.py"
    assert (DOCS / "images" / "rooms.svg").read_text() == drawn(tmp_path / "rooms.svg"), said


def test_the_picture_has_every_room_once(tmp_path):
    texts = [
        node.text for node in ET.fromstring(drawn(tmp_path / "rooms.svg")).iter("{http://www.w3.org/2000/svg}text")
    ]
    assert sorted(text for text in texts if text and not text.isdigit()) == sorted(ROOMS)


def test_the_page_has_a_sentence_about_every_room():
    page = (DOCS / "architecture.md").read_text()
    assert not [room for room in ROOMS if f"| `{room}` |" not in page]
