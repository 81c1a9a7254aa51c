"""How often two halves of the same runs are called different."""

import itertools

import numpy as np
import pytest
from scipy import stats

from exp.compare.calibrate import calibrate
from tests.compare.test_simulated import row
from tests.support.comparing import compare, write_run


def test_all_ways_to_divide_few_seeds():
    values = np.random.default_rng(3).normal(0.9, 0.01, 6)
    (found,) = calibrate([row("mlp", values), row("cnn", values[:3])], "test/accuracy")
    p_values = [
        stats.ttest_ind(values[list(half)], np.delete(values, half), equal_var=False).pvalue
        for half in itertools.combinations(range(6), 3)
    ]
    assert (found.n, found.splits, found.false) == (6, 20, sum(p < 0.05 for p in p_values))


def test_many_seeds_are_divided_in_many_ways():
    found = calibrate([row("mlp", np.random.default_rng(1).normal(0.9, 0.01, 30))], "test/accuracy")
    assert found == calibrate([found[0].row], "test/accuracy")
    assert found[0].splits == 10_000
    assert 0.03 < found[0].rate < 0.07


def test_a_table_of_rates(tmp_path):
    for seed, accuracy in enumerate([0.9, 0.91, 0.905, 0.92, 0.9]):
        write_run(tmp_path / str(seed), accuracy=accuracy, seed=seed)
    done = compare(tmp_path, "--calibrate")
    assert (done.returncode, done.stderr) == (0, "")
    assert "0 +4  5                   10               0  0.0%" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--calibrate"], "--calibrate: no row has 4 seeds with test/accuracy"),
        (["--calibrate", "--csv"], "--csv: does not go with --calibrate"),
    ],
)
def test_mistakes_are_named(tmp_path, arguments, message):
    write_run(tmp_path / "1", accuracy=0.9)
    done = compare(tmp_path, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
