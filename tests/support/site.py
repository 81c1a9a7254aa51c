"""The built site as a browser would find it: its pages, what they load, and where their links lead."""

import os
import subprocess
import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tests.support.root import ROOT

LOADS = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "audio": "src",
    "embed": "src",
}
"""What loads something, and the attribute that says from where; and `link`, if it is no mere link."""
MERE_LINKS = {"next", "prev", "index", "search", "genindex", "author", "copyright", "canonical"}


@dataclass
class Page:
    """What a page has."""

    path: Path
    language: str = ""
    ids: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    other_language: str = ""

    @property
    def broken(self) -> list[str]:
        """Links and loads of files or of places in this page that are not there."""
        return [link for link in (*self.links, *self.loads) if not urlsplit(link).scheme and not self._leads(link)]

    def _leads(self, link: str) -> bool:
        parts = urlsplit(link)
        target = (self.path.parent / unquote(parts.path)).resolve() if parts.path else self.path
        return target.is_file() and (not parts.fragment or target != self.path or unquote(parts.fragment) in self.ids)


class _Reader(HTMLParser):
    def __init__(self, page: Page) -> None:
        super().__init__()
        self._page = page

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        page = self._page
        if "id" in given:
            page.ids.add(given["id"])
        if tag == "html":
            page.language = given["lang"]
        if tag == "a" and "href" in given:
            page.links.append(given["href"])
            if "language" in given.get("class", "").split():
                page.other_language = given["href"]
        if given.get(LOADS.get(tag, "")):
            page.loads.append(given[LOADS[tag]])
        if tag == "link" and "href" in given and not MERE_LINKS & set(given.get("rel", "").split()):
            page.loads.append(given["href"])


def read(path: Path) -> Page:
    """Read a page."""
    page = Page(path)
    _Reader(page).feed(path.read_text())
    return page


def build(folder: Path, *, project: Path = ROOT) -> str | None:
    """Build the site of a project as `make docs` does; returns why that is not possible here, if it is not."""
    path = f"{Path(sys.prefix) / 'docs'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    environment = {key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"}
    environment |= {"PYTHONPATH": path}
    there = subprocess.run([sys.executable, "-c", "import sphinx"], env=environment, capture_output=True, check=False)
    if there.returncode:
        return "Sphinx is not installed; `make docs` does it"
    command = [sys.executable, str(project / "docs" / "site" / "build.py"), str(folder)]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return None
