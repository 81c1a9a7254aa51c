"""The list of slow tests names tests that there are, and a reason for each."""

import subprocess
import sys

from tests.support.root import ROOT
from tests.support.slow import SLOW, reason, unused


def test_every_pattern_has_a_test():
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "tests"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert unused([name.removeprefix("tests/") for name in found if "::" in name]) == []
    assert all(SLOW.values())


def test_brackets_are_matched_as_they_stand():
    assert reason("e2e/test_plugins.py::test_anything")
    assert reason("conformance/test_settings.py::test_losses_agree[session]")
    assert reason("conformance/test_settings.py::test_losses_agree[function]") is None
