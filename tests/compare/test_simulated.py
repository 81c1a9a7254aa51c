"""What verdicts promise, held against 20,000 fabricated sweeps: as many false ones as are allowed, and not more."""

from pathlib import Path

import numpy as np
import pytest

from exp.compare.against import Comparison, Question, compare
from exp.compare.rows import Row
from exp.compare.runs import Run
from exp.compare.statistics import seeds_for

SWEEPS = 20_000
slow = pytest.mark.slow
QUESTION = Question({"model": "mlp"}, "test/accuracy", "max")


def row(model: str, values, *, first_seed: int = 0) -> Row:
    return Row(
        [
            Run(
                Path(f"{model}-{seed}"),
                {"model": model, "seed": seed},
                {"status": "completed", "test/accuracy": float(value), "weights_sha256": f"{model}{seed}"},
                {"git.commit": "abc"},
            )
            for seed, value in enumerate(values, first_seed)
        ]
    )


def sweeps(
    draw, n: int, *, effect: float = 0.0, is_paired: bool = True, groups: int = 1, times: int = SWEEPS
) -> list[list[Comparison]]:
    """The verdicts of many sweeps; the differences of pairs have a standard deviation of 1."""
    made = []
    for _ in range(times // groups):
        shared = draw.normal(0.0, 3.0, n) if is_paired else np.zeros(n)
        noise = draw.normal(0.0, 0.5**0.5, (groups + 1, n))
        rows = [row("mlp", shared + noise[0])]
        for group in range(groups):
            values = shared + noise[1 + group] + effect
            rows.append(row(f"cnn{group}", values, first_seed=0 if is_paired else 1000))
        made.append(compare(rows, QUESTION))
    return made


def test_few_false_verdicts_in_a_thousand_sweeps():
    """The quick one of these tests; a right program fails it once in 5,000 draws, and this draw is always the same."""
    made = [one for (one,) in sweeps(np.random.default_rng(0), 5, times=1000)]
    assert 0.027 < np.mean([one.verdict != "undecided" for one in made]) < 0.075


@slow
@pytest.mark.parametrize("n", [3, 5, 10])
@pytest.mark.parametrize("is_paired", [True, False])
def test_false_verdicts_and_coverage(n, is_paired):
    made = [one for (one,) in sweeps(np.random.default_rng(n), n, is_paired=is_paired)]
    assert {one.method for one in made} == {"paired t" if is_paired else "Welch t"}
    assert np.mean([one.verdict != "undecided" for one in made]) <= 0.053
    intervals = np.array([one.estimate.interval() for one in made])
    assert np.mean((intervals[:, 0] <= 0) & (intervals[:, 1] >= 0)) >= 0.945


@slow
def test_several_comparisons_have_one_rate_of_false_verdicts():
    made = sweeps(np.random.default_rng(4), 5, groups=4)
    assert np.mean([any(one.verdict != "undecided" for one in of_sweep) for of_sweep in made]) <= 0.053


@slow
@pytest.mark.parametrize("effect", [0.8, 1.0, 1.5, 2.0])
def test_the_power_that_is_promised(effect):
    n = seeds_for(effect)
    made = [one for (one,) in sweeps(np.random.default_rng(n), n, effect=effect)]
    share = np.mean([one.verdict == "better" for one in made])
    assert share >= 0.78
    fewer = [one for (one,) in sweeps(np.random.default_rng(n), n - 1, effect=effect)]
    assert np.mean([one.verdict == "better" for one in fewer]) < 0.8


@slow
def test_the_interval_covers_an_effect_that_is_there():
    made = [one for (one,) in sweeps(np.random.default_rng(7), 5, effect=1.5)]
    intervals = np.array([one.estimate.interval() for one in made])
    assert np.mean((intervals[:, 0] <= 1.5) & (intervals[:, 1] >= 1.5)) >= 0.945
