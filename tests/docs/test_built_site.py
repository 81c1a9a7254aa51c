"""The site, built and walked: by its links, and in a real browser that opens it from its folder."""

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from tests.support import site
from tests.support.pages import DOCS, blocks, navigation
from tests.support.root import ROOT

pytestmark = pytest.mark.slow  # builds two languages, and opens every kind of page

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run")
NEEDS_BROWSER = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs Debian's chromium and chromium-driver")
TWINS = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.zh.md"))
LOOKED_AT = ("index", "guide/checkpoint", "how-to/compare", "reference/configuration", "reference/python", "adr/README")
CODE_FOR_COMMAND = "import sys; sys.argv[0] = 'exp'; from exp.tools.command import main; sys.exit(main())"


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    missing = site.build(folder)
    if missing:
        pytest.skip(missing)
    return folder


@pytest.fixture(scope="module")
def walked(built) -> dict[Path, site.Page]:
    return {path: site.read(path) for path in sorted(built.rglob("*.html")) if "_static" not in path.parts}


def test_every_page_is_there_in_both_languages(built, walked):
    for page in navigation():
        english, chinese = (built / prefix / page.replace(".md", ".html") for prefix in ("", "zh"))
        assert (walked[english].language, walked[chinese].language) == ("en", "zh-CN")


def test_each_page_leads_to_itself_in_the_other_language(built, walked):
    for path, page in walked.items():
        there = (path.parent / page.other_language).resolve()
        assert walked[there].language != page.language
        assert path == (there.parent / walked[there].other_language).resolve()


def test_every_link_leads_somewhere(walked):
    assert not [(str(path), page.broken) for path, page in walked.items() if page.broken]
    for path, page in walked.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.fragment and parts.path and not parts.scheme:
                assert parts.fragment in walked[(path.parent / parts.path).resolve()].ids, f"{path}: {link}"


def test_every_page_can_be_reached_from_the_front_page(built, walked):
    for front in (built / "index.html", built / "zh" / "index.html"):
        reached, waiting = set(), [front]
        while waiting:
            path = waiting.pop()
            if path in reached or path not in walked:
                continue
            reached.add(path)
            waiting += [
                (path.parent / urlsplit(link).path).resolve() for link in walked[path].links if "://" not in link
            ]
        assert not [page for page in navigation() if front.parent / page.replace(".md", ".html") not in reached]


def test_nothing_is_loaded_from_elsewhere(walked):
    assert not [load for page in walked.values() for load in page.loads if urlsplit(load).netloc]


def test_the_page_of_python_says_what_the_docstrings_say(built):
    text = (built / "reference" / "python.html").read_text()
    plain = " ".join(re.sub(r"<[^>]+>", "", text).split())
    assert "The sums over no examples at all, by name: zeros that tell the shape" in plain
    assert "class Metric# A figure of an evaluation" in plain  # a protocol is not called
    assert "leaks: Mapping[str, Mapping[str, int]] = ...," in plain
    assert "<factory>" not in plain


@pytest.mark.parametrize("twin", TWINS)
def test_no_mark_of_markdown_is_left(built, twin):
    text = (built / "zh" / twin.replace(".zh.md", ".html")).read_text()
    article = text.partition("<article")[2].partition("</article")[0]
    assert "**" not in re.sub(r"<(pre|code)\b.*?</\1>", "", article, flags=re.DOTALL)


def test_a_page_can_be_translated_alone(built, tmp_path):
    shutil.copytree(DOCS, tmp_path / "docs", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "conf").symlink_to(ROOT / "conf")
    for twin in (tmp_path / "docs").rglob("*.zh.md"):
        twin.unlink()  # they know the Chinese headings of the page
    page = tmp_path / "docs" / "how-to" / "own-models-and-data.md"
    chinese = re.sub(r"^(#+) .+$", r"\1 标题", page.read_text(), flags=re.MULTILINE)
    page.with_suffix(".zh.md").write_text(chinese)
    site.build(tmp_path / "site", project=tmp_path)
    for folder in (tmp_path / "site", tmp_path / "site" / "zh"):
        text = (folder / "reference" / "python.html").read_text()
        (anchor,) = re.findall(r"own-models-and-data\.html#([^\"]+)\"><span[^>]*>when it is called", text)
        assert anchor in site.read(folder / "how-to" / "own-models-and-data.html").ids


@pytest.fixture(scope="module")
def browser() -> Iterator:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
    yield driver
    driver.quit()


def opened(browser, path: Path, *, query: str = "", size: tuple[int, int] = (1280, 800)) -> None:
    """Open a page from its folder in a window of some size."""
    screen = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size[0] < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    browser.get(path.as_uri() + query)


@NEEDS_BROWSER
@pytest.mark.parametrize("language", ["", "zh"])
@pytest.mark.parametrize("page", LOOKED_AT)
def test_a_page_asks_no_server_and_makes_no_error(built, browser, page, language):
    opened(browser, built / language / f"{page}.html")
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [sent["params"]["request"]["url"] for sent in messages if sent["method"] == "Network.requestWillBeSent"]
    assert asked
    assert not [url for url in asked if not url.startswith(("file://", "data:"))]
    assert not [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


@NEEDS_BROWSER
@pytest.mark.parametrize("language", ["", "zh"])
@pytest.mark.parametrize("page", LOOKED_AT)
def test_no_page_is_wider_than_a_phone(built, browser, page, language):
    opened(browser, built / language / f"{page}.html", size=(390, 844))
    assert browser.execute_script("return document.documentElement.scrollWidth") == 390


@NEEDS_BROWSER
@pytest.mark.parametrize("language", ["", "zh"])
def test_the_front_page_fits_a_screen(built, browser, language):
    opened(browser, built / language / "index.html")
    bottom = browser.execute_script("return document.querySelector('.front').getBoundingClientRect().bottom")
    assert 300 < bottom <= 800
    wide = "return [...document.querySelectorAll('.front pre')].filter(one => one.scrollWidth > one.clientWidth).length"
    assert browser.execute_script(wide) == 0


@NEEDS_BROWSER
@pytest.mark.parametrize(
    ("language", "words", "found"),
    [
        ("", "checkpoint", "guide/checkpoint.html"),
        ("", "data.batch_size", "reference/configuration.html"),
        ("zh", "检查点", "guide/checkpoint.html"),
        ("zh", "虚拟设备", "guide/virtual-devices.html"),
        ("zh", "图", "guide/function.html"),
        ("zh", "TensorArray 循环", "guide/tensorarray.html"),
    ],
)
def test_the_search_finds_a_page(built, browser, language, words, found):
    opened(browser, built / language / "search.html", query=f"?q={quote(words)}")
    script = "return [...document.querySelectorAll('#search-results li a')].map(one => one.href)"
    deadline = time.monotonic() + 20
    while not any(found in link for link in browser.execute_script(script)):
        assert time.monotonic() < deadline, browser.execute_script(script)
        time.sleep(0.1)


@NEEDS_BROWSER
def test_the_search_finds_nothing_for_chinese_words_that_are_nowhere(built, browser):
    opened(browser, built / "zh" / "search.html", query=f"?q={quote('檐廊')}")
    time.sleep(2)
    assert not browser.execute_script("return document.querySelectorAll('#search-results li a').length")


@NEEDS_BROWSER
def test_code_can_be_copied_and_output_cannot(built, browser):
    opened(browser, built / "guide" / "checkpoint.html")
    count = "return document.querySelectorAll(arguments[0]).length"
    shown = blocks(DOCS / "guide" / "checkpoint.md")
    assert browser.execute_script(count, "button.copybtn") == len(shown)
    assert browser.execute_script(count, ".highlight-text button.copybtn") == 0
    assert sum(block.output is not None for block in shown) > 0


def test_the_commands_of_the_front_page_work(tmp_path):
    (block,) = blocks(DOCS / "index.md")
    install, *commands = block.text.splitlines()
    assert install.startswith("pip install .")
    program = tmp_path / "exp"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{CODE_FOR_COMMAND}" "$@"\n')
    program.chmod(0o755)
    script = "\n".join([f"PATH={tmp_path}:$PATH", *commands])
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "6 of 6 jobs completed" in done.stdout
    assert "test/accuracy against model=mlp" in done.stdout
