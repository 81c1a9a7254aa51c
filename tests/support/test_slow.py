"""The list of slow tests names tests that there are, and a reason for each."""

import pytest

from tests.support.slow import COLLECTED, SLOW, reason, unused

ALL = 2000
"""Fewer tests are a part of them, which need not have one for each pattern."""


def test_every_pattern_has_a_test(request: pytest.FixtureRequest):
    names = request.config.stash[COLLECTED]
    assert all(SLOW.values())
    if len(names) > ALL:
        assert unused(names) == []


def test_brackets_are_matched_as_they_stand():
    assert reason("e2e/test_plugins.py::test_anything")
    assert reason("conformance/test_settings.py::test_losses_agree[session]")
    assert reason("conformance/test_settings.py::test_losses_agree[function]") is None
