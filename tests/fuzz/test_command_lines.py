"""Whatever stands on a command line, it ends with status 0, or with status 2 and sentences; never with a traceback."""

import os

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.support.fuzz_grammar import lines
from tests.support.tried import problem

LINES = 2000


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_line_ends_with_0_or_with_2_and_a_sentence(tried):
    @seed(int(os.environ.get("EXP_FUZZ_SEED", "0")))
    @settings(
        max_examples=LINES,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(lines())
    def ends_well(arguments: list[str]) -> None:
        done = tried.outcome(arguments)
        assert problem(done) is None, done

    ends_well()
