"""The site has every page and every key, in both languages, and loads nothing from elsewhere."""

import re
import sys

import pytest
import yaml

from tests.support.pages import DOCS, blocks, navigation
from tests.support.root import ROOT

sys.path.insert(0, str(DOCS / "site"))
import config_reference
import pages
import python_reference
from config_files import files

PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md") if not path.name.endswith(".zh.md"))
TWINS = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.zh.md"))


def test_every_page_is_in_the_navigation_once():
    assert sorted(navigation()) == PAGES


@pytest.mark.parametrize("twin", TWINS)
def test_a_chinese_page_has_an_english_one_with_the_same_blocks_and_levels(twin):
    english = DOCS / twin.replace(".zh.md", ".md")
    assert blocks(DOCS / twin) == blocks(english)
    levels = [[level for level, _ in pages.headings(path.read_text())] for path in (DOCS / twin, english)]
    assert levels[0] == levels[1]


@pytest.mark.parametrize("page", PAGES)
def test_an_english_page_links_to_english_ones(page):
    assert not re.findall(r"\]\([^)]*\.zh\.md", (DOCS / page).read_text())


def test_nothing_is_loaded_from_elsewhere():
    loads = re.compile(r"!\[[^\]]*\]\(\w+:|(?:src|srcset)=[\"']?(?:\w+:)?//|@import|url\([\"']?(?:\w+:)?//")
    texts = [*DOCS.rglob("*.md"), *(DOCS / "site").rglob("*.*")]
    assert not [path for path in texts if path.suffix != ".pyc" and loads.search(path.read_text())]


def test_every_key_has_a_sentence():
    sentences: dict[str, str] = {}
    for file in files():
        for key in file.keys:
            sentences[key.path] = sentences.get(key.path, "") or key.sentence
    assert [path for path, sentence in sentences.items() if not sentence] == []
    assert len(sentences) > 100


def test_every_choice_has_a_sentence():
    assert [f"{file.group}={file.name}" for file in files() if not file.sentence] == []


def leaves(node, above=""):
    """The keys of a file as YAML has them, without what is read about comments."""
    for name, value in node.items():
        path = f"{above}.{name}".lstrip(".")
        if isinstance(value, dict) and value:
            yield from leaves(value, path)
        elif name not in ("defaults", "_target_") and path not in ("exec.name", "device.name", "schedule.name"):
            yield path


def test_the_page_of_the_configuration_has_every_key_once():
    shown = re.findall(r"^```\{confval\} (\S+)$", config_reference.written(""), flags=re.MULTILINE)
    assert len(shown) == len(set(shown))
    for path in sorted((ROOT / "conf").rglob("*.yaml")):
        text = path.read_text()
        stated = re.match(r"# @package (\S+)", text)
        group = path.parent.relative_to(ROOT / "conf").as_posix().replace("/", ".").strip(".")
        package = stated[1].replace("_global_", "") if stated else group
        for key in leaves(yaml.safe_load(text), package):
            assert any(key == one or key.startswith(f"{one}.") for one in shown), f"{path}: {key}"


@pytest.mark.parametrize(
    ("key", "lines"),
    [
        ("data.batch_size", [":type: integer above 0", ":default: `32`; `50` with `data=mnist`"]),
        ("data.source", ["- `data=mnist`: bundled (shipped with exp)", "`bundled`, `tfds`, `idx` with `data=mnist`"]),
        ("optimizer.momentum", ["Only with `optimizer=rmsprop`, `optimizer=sgd`.", ":type: number at least 0"]),
        ("model.hidden", ["`1024` with `model=cnn`", "units of the hidden layer"]),
        ("device.indices", [":type: list of at least 1 (each integer at least 0)", ":default: `[0]`"]),
        ("task.step", [":type: node with a `_target_`, or `null`"]),
        ("question", ["such as {factor: model, baseline: mlp, seeds: 10}; see [how-to/compare](../how-to/compare.md)"]),
        ("hydra.launcher.timeout", [":type: number, or `null`", "Only with `hydra/launcher=processes`."]),
        ("hydra.run.dir", ["the folder of a run; without an override, the names of the choices are added to it"]),
    ],
)
def test_the_page_says_what_a_key_takes(key, lines):
    text = config_reference.written("").partition(f"```{{confval}} {key}\n")[2].partition("\n```")[0]
    assert not [line for line in lines if line not in text], text


def test_the_page_of_python_has_what_the_package_offers():
    import exp

    page = python_reference.written((DOCS / "reference" / "python.md").read_text())
    shown = re.findall(r"^\.\. auto\w+:: (\S+)$", page, flags=re.MULTILINE)
    assert {f"exp.{name}" for name in exp.__all__} - {"exp.summary"} <= set(shown)
    assert {"exp.summary.scalar", "exp.data.arrays", "exp.task.protocol.Task"} <= set(shown)
    assert "- `exp" not in page


def test_lines_of_chinese_prose_are_joined_and_code_is_not():
    text = "这是一\n行，\n和 exp 的\n说明\n\n```sh\n# 注释\n# 第二\n```\n"
    assert pages.joined(text) == "这是一行，和 exp 的说明\n\n```sh\n# 注释\n# 第二\n```\n"
