"""The pages of the guide as a reader sees them: fenced blocks, links, and the place of each page in the site.

What a block is follows from its fence:
    ```python title="examples/x.py"    a file of the project, shown whole (or yaml)
    ```sh                              commands, run by bash in the project's folder
    ```sh title="with a GPU"           commands that need what not everybody has
    ```text                            what the block before it prints; ... stands for anything
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.support.root import ROOT

DOCS = ROOT / "docs"
GUIDE = DOCS / "guide"
BELOW: dict[str, list[str]] = yaml.safe_load((DOCS / "site" / "navigation.yaml").read_text())
"""Under each page of the site that has pages below it, these pages."""
_FENCE = re.compile(r"^```(\S*)(?: title=\"([^\"]+)\")?\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    language: str
    title: str
    text: str
    output: str | None = None
    """What the page shows as printed by a program or by commands, if it shows anything."""

    @property
    def commands(self) -> list[str]:
        """The lines of an sh block, without comments."""
        lines = (line.split("  #")[0].strip() for line in self.text.splitlines())
        return [line for line in lines if line and not line.startswith("#")]


def names() -> list[str]:
    """The pages in the order of the site: checkpoint for docs/guide/checkpoint.md and checkpoint.zh.md."""
    return [entry.removeprefix("guide/").removesuffix(".md") for entry in navigation() if entry.startswith("guide/")]


def navigation() -> list[str]:
    """Every page in the site's navigation, as a path below docs/."""
    return list(_from("index"))


def _from(name: str) -> Iterator[str]:
    """A page, and those below it."""
    yield f"{name}.md"
    for below in BELOW.get(name, []):
        if "*" in below:
            yield from sorted(path.relative_to(DOCS).as_posix() for path in DOCS.glob(f"{below}.md"))
        else:
            yield from _from(below)


def page(name: str, *, chinese: bool = False) -> Path:
    """The file of a page."""
    return GUIDE / f"{name}{'.zh' if chinese else ''}.md"


def blocks(path: Path) -> list[Block]:
    """The blocks of a page in order, each output joined to what prints it."""
    text = path.read_text()
    found: list[Block] = []
    for language, title, content in _FENCE.findall(text):
        if language == "text":
            assert [block.output for block in found[-1:]] == [None], f"{path.name}: nothing prints this:\n{content}"
            before = found.pop()
            found.append(Block(before.language, before.title, before.text, content))
        else:
            assert language in ("python", "yaml", "sh"), f"{path.name}: what is ```{language}?"
            found.append(Block(language, title, content))
    fences = sum(line.startswith("```") for line in text.splitlines())
    assert fences == 2 * len(_FENCE.findall(text)), f"{path.name}: a fence that is none of those above"
    return found


def links(path: Path) -> list[str]:
    """Where a page points to in this project, as written."""
    prose = _FENCE.sub("", path.read_text())
    return [link for link in _LINK.findall(prose) if not re.match(r"[a-z]+:", link)]
