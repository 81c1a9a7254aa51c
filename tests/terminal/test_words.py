"""Numbers in sentences."""

import pytest

from exp.terminal.words import counted


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((1, "job"), "1 job"),
        ((0, "job"), "0 jobs"),
        ((2_000_000, "step"), "2000000 steps"),
        ((1.0, "second"), "1 second"),
        ((0.5, "second"), "0.5 seconds"),
        ((1, "picture is", "pictures are"), "1 picture is"),
        ((3, "picture is", "pictures are"), "3 pictures are"),
    ],
)
def test_one_is_one(arguments, words):
    assert counted(*arguments) == words
