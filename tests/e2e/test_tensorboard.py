"""A real TensorBoard in a real browser shows every run, with its figures. The pictures are kept in outputs/pictures."""

import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.jobs import results
from tests.support.root import ROOT
from tests.support.sweeping import sweep, wait_for

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
PICTURES = ROOT / "outputs" / "pictures"
TEXTS = """
const found = [];
function walk(node) {
  if (node.shadowRoot) walk(node.shadowRoot);
  for (const child of node.children || []) {
    if (child.localName == tag) found.push(child.textContent.trim());
    walk(child);
  }
}
const tag = arguments[0];
walk(document.documentElement);
return found;
"""
"""The texts of all elements with a tag, also of those inside of components."""
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--window-size=1600,800"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)

pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs Debian's chromium and chromium-driver")


@pytest.fixture(scope="module")
def runs(jobs, small_mnist: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Path]]:
    """A sweep of six runs and a run of its own, all in one folder."""
    folder = tmp_path_factory.mktemp("runs")
    data = ["data.source=idx", f"data.dir={small_mnist}"]
    single = jobs.start(["model=cnn", "train.steps=5", *data, "hydra.run.dir=outputs/single"], folder)
    values = ["data.buffer_size=1,1000,10000", "data.batch_size=32,128"]
    done = sweep(*values, *data, "hydra.sweep.dir=outputs/sweep", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    single.result().check()
    return folder / "outputs", [folder / "outputs" / "single", *sorted((folder / "outputs" / "sweep").glob("buffer*"))]


@pytest.fixture(scope="module")
def address(runs) -> Iterator[str]:
    """Where TensorBoard shows them."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    program = Path(sys.executable).with_name("tensorboard")
    command = [str(program), "--logdir", str(runs[0]), "--host", "localhost", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://localhost:{port}"

    def knows_all() -> bool:
        try:
            with urllib.request.urlopen(f"{address}/data/runs") as answer:
                return answer.read().decode().count('", "') == len(runs[1]) - 1
        except OSError:
            return False

    try:
        wait_for(knows_all)
        yield address
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in FLAGS:
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
    yield driver
    driver.quit()


def texts(browser: Any, tag: str, *, at_least: int) -> list[str]:
    """Of all elements with a tag, once there are so many of them."""
    found: list[str] = []

    def enough() -> bool:
        found[:] = browser.execute_script(TEXTS, tag)
        return len(found) >= at_least

    wait_for(enough)
    return found


def keep(browser: Any, name: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    time.sleep(2)  # charts are drawn with a little movement
    assert browser.save_screenshot(str(PICTURES / f"{name}.png"))


def test_the_scalars_of_all_runs_are_in_one_chart(runs, address, browser):
    folder, all_runs = runs
    browser.get(f"{address}/?tagFilter=train%2Floss#timeseries")
    names = [str(run.relative_to(folder)) for run in all_runs]
    losses = {name: results(run)["train"]["loss"] for name, run in zip(names, all_runs, strict=True)}
    seen: dict[str, float] = {}

    def shown() -> bool:
        """The table of runs, and below the chart the last value of each; rows move until all is loaded."""
        rows = texts(browser, "tb-data-table-content-row", at_least=2 * len(names))
        seen.update({row.split()[0]: float(row.split()[2]) for row in rows[len(names) :] if len(row.split()) > 2})
        return sorted(rows[: len(names)]) == sorted(names) and seen == pytest.approx(losses, abs=1e-4)

    try:
        wait_for(shown, 30)
    except AssertionError:
        assert seen == pytest.approx(losses, abs=1e-4)
        raise
    for button in ("Close side pane", "Toggle full size mode"):
        browser.find_element("css selector", f"button[aria-label='{button}']").click()
    keep(browser, "timeseries")


def test_hparams_have_a_row_for_every_run(runs, address, browser):
    folder, all_runs = runs
    browser.get(f"{address}/#hparams")
    browser.refresh()
    cells = texts(browser, "vaadin-grid-cell-content", at_least=10 * (len(all_runs) + 1))
    headings = cells[2 : cells.index("train/loss")]
    places = sorted(cells.index(str(run.relative_to(folder))) for run in all_runs)
    for run in all_runs:
        first = cells.index(str(run.relative_to(folder)))
        row = cells[first + 2 : next((place for place in places if place > first), len(cells))]
        hparams = dict(zip(headings, row, strict=False))
        single = run.name == "single"
        assert hparams["model"] == ("cnn" if single else "mlp")
        buffer, batch = (
            (10000, 50) if single else (int(run.name.split("-")[1].split("_")[0]), int(run.name.split("-")[2]))
        )
        assert float(hparams["data.buffer_size"]) == buffer
        assert float(hparams["data.batch_size"]) == batch
        assert float(hparams["test/accuracy"]) == pytest.approx(results(run)["test"]["accuracy"], abs=1e-4)
        assert float(hparams["test/loss"]) == pytest.approx(results(run)["test"]["loss"], rel=1e-4)
        assert float([cell for cell in row if cell][-1]) == pytest.approx(results(run)["train"]["loss"], rel=1e-4)
    keep(browser, "hparams")
