"""What becomes of a page of docs/ before Sphinx parses it, and what the page's frame is told.

The files stay plain Markdown, readable where they lie. Sphinx is given them with the pages below them, the titles of
their code blocks, and what is generated.
"""

import re
from pathlib import Path
from typing import Any

import config_reference
import python_reference
import yaml

NAVIGATION: dict[str, list[str]] = yaml.safe_load((Path(__file__).parent / "navigation.yaml").read_text())
GENERATED = {"reference/configuration": config_reference.written, "reference/python": python_reference.written}
"""Pages with parts that are generated: what is made of the text of each."""

_FENCED = re.compile(r"^(```.*?^```$)", flags=re.DOTALL | re.MULTILINE)
_TITLED = re.compile(r'^```(\w+) title="([^"]+)"$', flags=re.MULTILINE)
_HEADING = re.compile(r"^(#{1,4}) +(.+)$", flags=re.MULTILINE)
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_WIDE = "[\u3000-\u303f\u3400-\u9fff\uff00-\uffef]"
_BREAK = re.compile(rf"(?<={_WIDE})\n *(?={_WIDE})")


def read(app: Any, page: str, source: list[str]) -> None:
    """Sphinx's event: the text of a page was read, and is replaced in `source`."""
    text = source[0]
    twin = Path(app.srcdir, f"{page}.zh.md")
    if _is_chinese(app) and twin.is_file():
        text = joined(twin.read_text()).replace(".zh.md", ".md")
    if page in GENERATED:
        text = GENERATED[page](text)
    text = _TITLED.sub(r"```{code-block} \1\n:caption: \2\n", text)
    source[0] = f"{text}\n{_toctree(NAVIGATION.get(page, []))}"


def joined(text: str) -> str:
    """Chinese prose without the line breaks inside of it, which a browser would show as spaces."""
    parts = _FENCED.split(text)
    return "".join(part if part.startswith("```") else _BREAK.sub("", part) for part in parts)


def headings(text: str) -> list[tuple[int, str]]:
    """The level and the words of each heading, in the order of the page."""
    prose = "".join(part for part in _FENCED.split(text) if not part.startswith("```"))
    return [(len(marks), _LINK.sub(r"\1", words).replace("`", "")) for marks, words in _HEADING.findall(prose)]


def name_headings(app: Any, doctree: Any) -> None:
    """Sphinx's event: a page was parsed. The headings of a twin are found by those of its page, too.

    A page that has no twin links to the others by their English headings, in both languages.
    """
    from myst_parser.slugs import github_slugify

    page = app.env.docname
    if not _is_chinese(app) or not Path(app.srcdir, f"{page}.zh.md").is_file():
        return
    slugs = app.env.metadata[page]["myst_slugs"]
    english = headings(Path(app.srcdir, f"{page}.md").read_text())
    for (_, words), found in zip(english, list(slugs.values()), strict=True):
        slugs.setdefault(github_slugify(words), found)


def _toctree(pages: list[str]) -> str:
    return (
        "\n".join(["```{toctree}", ":hidden:", ":glob:", "", *(f"/{page}" for page in pages), "```", ""])
        if pages
        else ""
    )


def describe(app: Any, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Sphinx's event: a page is about to be written, with a way to the other language, and a word if it has no twin."""
    to_root = "../" * page.count("/")
    is_chinese = _is_chinese(app)
    context["other_language"] = f"{to_root}../{page}.html" if is_chinese else f"{to_root}zh/{page}.html"
    context["is_chinese"] = is_chinese
    if is_chinese and doctree is not None and not Path(app.srcdir, f"{page}.zh.md").is_file():
        context["body"] = f'<p class="only-english">本页只有英文。</p><div lang="en">{context["body"]}</div>'


def _is_chinese(app: Any) -> bool:
    return str(app.config.language).startswith("zh")
