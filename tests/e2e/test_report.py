"""A report of real runs, in a real browser, and one of its runs again."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.root import ROOT

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--window-size=1200,1600")


@pytest.fixture(scope="module")
def written(jobs, small_mnist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    given = ["data.source=idx", f"data.dir={small_mnist}", "train.steps=20", "summary.images=false"]
    jobs.run("-m", *given, "model=mlp,cnn", "seed=0,1,2", "hydra.sweep.dir=sweep", cwd=folder).check()
    run_report(["sweep", "--against", "model=mlp"], folder)
    return folder / "report.html"


def run_report(arguments: list[str], cwd: Path) -> str:
    command = [sys.executable, str(ROOT / "scripts" / "report.py"), *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=True).stdout


def test_a_run_of_a_report_comes_out_again(written):
    said = run_report(["--verify", "report.html", "--again", "1"], written.parent)
    assert "every figure is as 6 run folders say" in said
    assert "weights: the same to the last bit" in said


@pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs Debian's chromium and chromium-driver")
def test_a_report_in_a_browser(written):
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.by import By

    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
    try:
        browser.get(written.as_uri())
        assert browser.find_element(By.CSS_SELECTOR, ".answer").text.startswith("model=cnn: ")
        assert all(
            browser.execute_script("return arguments[0].naturalWidth", picture) > 100
            for picture in browser.find_elements(By.TAG_NAME, "img")
        )
        runs = browser.find_elements(By.TAG_NAME, "table")[-1]
        accuracy = next(head for head in runs.find_elements(By.TAG_NAME, "th") if head.text == "test/accuracy")
        for is_rising in (True, False):
            accuracy.click()
            shown = [
                float(cell.get_attribute("data-value")) for cell in runs.find_elements(By.CSS_SELECTOR, "[data-value]")
            ]
            assert shown == sorted(shown, reverse=not is_rising)
            assert len(shown) == 6
        assert browser.get_log("browser") == []
        assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0
        browser.save_screenshot(str(ROOT / "outputs" / "pictures" / "report.png"))
        assert len(browser.print_page()) > 10_000
    finally:
        browser.quit()
