"""`compare.py --variance`: how much a metric varies with which seed, and samples that are not independent."""

import shlex
import statistics

import numpy as np
import pytest
import scipy.stats

from exp.compare.statistics import ratio_of_variances
from exp.compare.variance import _pooled
from tests.support.comparing import compare, verdicts, write_run

SEEDS = "seeds: {{init: {init}, order: {order}, augment: {augment}}}\n"


def write(folder, accuracy, *, seed=0, init="null", order="null", augment="null", split=None, validation="null"):
    run = folder / f"r{len(list(folder.iterdir())) if folder.exists() else 0}"
    write_run(run, accuracy=accuracy, seed=seed, config=SEEDS.format(init=init, order=order, augment=augment))
    if split is not None:
        path = run / ".hydra" / "config.yaml"
        keys = f"buffer_size: 1, validation: {validation}, split_seed: {split}}}"
        path.write_text(path.read_text().replace("buffer_size: 1}", keys))


def sources(*arguments):
    (row,) = verdicts(*arguments, "--variance")["rows"]
    return {source["source"]: source for source in row["sources"]}


def test_shares_of_sweeps_over_one_seed_each(tmp_path):
    joint = [0.90, 0.94, 0.91, 0.95, 0.92, 0.89]
    init = [0.90, 0.92, 0.93]
    order = [0.90, 0.905, 0.91, 0.902]
    for seed, accuracy in enumerate(joint):
        write(tmp_path, accuracy, seed=seed)
    for seed, accuracy in enumerate(init[1:], start=1):
        write(tmp_path, accuracy, init=seed)
    for seed, accuracy in enumerate(order[1:], start=1):
        write(tmp_path, accuracy, order=seed)
    found = sources(tmp_path)
    assert list(found) == ["seed", "seeds.init", "seeds.order", "seeds.augment"]
    for key, values in (("seed", joint), ("seeds.init", init), ("seeds.order", order)):
        assert (found[key]["n"], found[key]["freedom"]) == (len(values), len(values) - 1)
        assert found[key]["std"] == pytest.approx(statistics.stdev(values), rel=1e-12)
    share = statistics.variance(init) / statistics.variance(joint)
    low, high = share / scipy.stats.f.ppf([0.975, 0.025], 2, 5)
    assert [found["seeds.init"][key] for key in ("share", "low", "high")] == pytest.approx([share, low, high])
    assert (found["seeds.augment"]["n"], found["seeds.augment"]["share"]) == (0, None)
    words = shlex.split(found["seeds.augment"]["next_command"])
    assert words[-2:] == ["seed=0", "seeds.augment=range(10)"]
    assert found["seed"]["next_command"] is None


def test_all_combinations_of_two_seeds_are_pooled(tmp_path):
    values = np.array([[0.90, 0.93, 0.91], [0.95, 0.96, 0.91], [0.88, 0.94, 0.90]])
    for init, row in enumerate(values):
        for order, accuracy in enumerate(row):
            write(tmp_path, accuracy, init=init, order=order, augment=0)
    found = sources(tmp_path)
    assert (found["seeds.init"]["n"], found["seeds.init"]["freedom"]) == (9, 2)
    assert found["seeds.init"]["std"] ** 2 == pytest.approx(values.var(axis=0, ddof=1).mean())
    assert found["seeds.order"]["std"] ** 2 == pytest.approx(values.var(axis=1, ddof=1).mean())
    assert (found["seed"]["n"], found["seeds.init"]["share"]) == (0, None)


@pytest.mark.parametrize(("inits", "orders"), [(3, 10), (10, 3), (5, 5)])
def test_intervals_of_combinations_cover_as_they_say(inits, orders):
    """Init and order have half of the variance each; ten joint seeds stand beside their combinations."""
    draw = np.random.Generator(np.random.Philox(7))
    covered, sweeps = 0, 1000
    for _ in range(sweeps):
        of_init, of_order = draw.normal(0, 1, inits), draw.normal(0, 1, orders)
        groups = [{str(i): of_init[i] + of_order[o] for i in range(inits)} for o in range(orders)]
        part = _pooled("seeds.init", groups)
        whole = _pooled("seed", [dict(enumerate(draw.normal(0, 2**0.5, 10)))])
        low, high = ratio_of_variances(part.variance, part.freedom, whole.variance, whole.freedom)
        covered += low <= 0.5 <= high
    assert part.freedom == inits - 1
    assert covered / sweeps >= 0.93


def test_groups_without_a_seed_in_common_count_by_themselves():
    apart = _pooled("seeds.init", [{"0": 1.0, "1": 2.0}, {"2": 1.0, "3": 3.0}])
    joined = _pooled("seeds.init", [{"0": 1.0, "1": 2.0}, {"2": 1.0, "3": 3.0}, {"1": 1.0, "2": 2.0}])
    assert (apart.freedom, joined.freedom) == (2, 3)


def test_reruns_and_the_split_are_sources_too(tmp_path):
    for split, accuracy in enumerate([0.90, 0.92, 0.94]):
        write(tmp_path, accuracy, split=split, validation=100)
    write(tmp_path, 0.91, split=0, validation=100)
    found = sources(tmp_path)
    assert found["data.split_seed"]["std"] == pytest.approx(0.02)
    assert found["reruns"]["std"] == pytest.approx(statistics.stdev([0.90, 0.91]))


def test_the_split_plays_no_part_where_nothing_is_set_apart(tmp_path):
    for split in range(3):
        write(tmp_path, 0.9, split=split)
    found = sources(tmp_path)
    assert found["reruns"]["n"] == 3
    assert "data.split_seed" not in found


def test_the_table_fits_and_says_what_would_complete_it(tmp_path):
    for seed in range(3):
        write(tmp_path, 0.9 + seed / 100, seed=seed)
        write(tmp_path, 0.9 + seed / 200, init=seed + 1)
    shown = compare(tmp_path, "--variance")
    assert shown.returncode == 0, shown.stderr
    table = [line for line in shown.stdout.splitlines() if "python run.py" not in line]
    assert "1.00%" in shown.stdout
    assert max(map(len, table[1:6])) <= 80
    assert shown.stdout.count("seeds.order has not varied alone: ") == 1


def test_what_else_differs_and_what_failed_is_said(tmp_path):
    for seed in range(4):
        write(tmp_path, 0.9 + seed / 100, seed=seed)
    write(tmp_path, 0.9, seed=4)
    path = tmp_path / "r4" / "results.json"
    path.write_text(path.read_text().replace("completed", "diverged"))
    manifest = tmp_path / "r3" / "manifest.json"
    manifest.write_text(manifest.read_text().replace("abc", "def"))
    (row,) = verdicts(tmp_path, "--variance")["rows"]
    assert [note.partition(":")[0] for note in row["notes"]] == ["failed", "commit"]
    assert "  failed: 1 of 5 seeds of r0 +4\n" in compare(tmp_path, "--variance").stdout
    assert "train/loss at step=50: how much" in compare(tmp_path, "--variance", "--at", "step=50").stdout


def commands(folder):
    return {
        key: shlex.split(source["next_command"]) for key, source in sources(folder).items() if source["next_command"]
    }


def test_a_proposed_sweep_holds_all_but_its_seed(tmp_path):
    for seed in range(2):
        write(tmp_path, 0.9 + seed / 100, seed=seed, split=7, validation=100)
    words = commands(tmp_path)
    assert words["seeds.init"][-3:] == ["seed=0", "data.split_seed=7", "seeds.init=range(10)"]
    assert words["data.split_seed"][-2:] == ["seed=0", "data.split_seed=range(10)"]


def test_a_seed_that_a_file_sets_is_let_go(tmp_path):
    for init in range(2):
        write(tmp_path, 0.9 + init / 100, init=init, augment=3)
    assert commands(tmp_path)["seed"][-3:] == ["seeds.init=null", "seeds.augment=null", "seed=range(10)"]


@pytest.mark.parametrize("seed", ["a b; rm", "1.5", "[1, 2]", "range(3)", '"\\e]0;pwned\\a\\e[31m"'])
def test_no_sweep_is_proposed_with_what_is_no_seed(tmp_path, seed):
    for init in range(2):
        write(tmp_path, 0.9 + init / 100, seed=seed, init=init)
    shown = compare(tmp_path, "--variance")
    assert (shown.returncode, "\x1b" in shown.stdout) == (0, False)
    assert commands(tmp_path) == {}


def test_no_sweep_is_proposed_that_would_need_files_of_elsewhere(tmp_path):
    for init in range(2):
        write(tmp_path, 0.9 + init / 100, init=init)
    sources = "[{provider: hydra}, {provider: main}, {provider: command-line}]"
    (tmp_path / "r0" / ".hydra" / "hydra.yaml").write_text(f"hydra: {{runtime: {{config_sources: {sources}}}}}\n")
    assert commands(tmp_path) == {}


def test_rows_that_hold_another_seed_each_get_no_verdict(tmp_path):
    for base, values in zip((0, 1), VALUES, strict=True):
        size = 50 if base == 0 else 100
        for init, value in enumerate(values):
            config = SEEDS.format(init=init, order=base, augment=0)
            write_run(tmp_path / f"{base}-{init}", accuracy=value, batch_size=size, config=config)
    one = one_verdict(tmp_path)
    assert one["verdict"] == "confounded"
    assert "seeds: seeds.order is 1 in 1-0 +3 and 0 in 0-0 +3" in one["confounders"]


def test_rows_with_other_validation_examples_get_no_verdict(tmp_path):
    for base, values in zip((0, 1), VALUES, strict=True):
        for seed, value in enumerate(values):
            run = tmp_path / f"{base}-{seed}"
            write_run(run, accuracy=value, batch_size=50 if base == 0 else 100, seed=seed)
            path = run / ".hydra" / "config.yaml"
            keys = f"buffer_size: 1, validation: 100, split_seed: {base}}}"
            path.write_text(path.read_text().replace("buffer_size: 1}", keys))
    one = one_verdict(tmp_path)
    assert (one["verdict"], one["confounders"]) == (
        "confounded",
        ["seeds: data.split_seed is 1 in 1-0 +3 and 0 in 0-0 +3"],
    )


def test_a_seed_that_varies_in_one_row_only_is_told(tmp_path):
    mixed = [{"seed": seed} for seed in range(4)], [{"own": {"init": seed}} for seed in range(4)]
    rows = [list(zip(values, seeds, strict=True)) for values, seeds in zip(VALUES, mixed, strict=True)]
    write_pair(tmp_path, base=rows[0], other=rows[1])
    one = one_verdict(tmp_path)
    assert one["verdict"] == "confounded"
    assert "seeds: seeds.order is 0 in other0 +3 and varies in base0 +3" in one["confounders"]


def test_the_condition_that_is_named_is_one_that_there_is(tmp_path):
    for init in range(2):
        for order in range(2):
            write(tmp_path, 0.9 + init / 100 + order / 1000, init=init, order=order, augment=0)
    assert "--where takes some of them, such as seeds.init=0" in compare(tmp_path).stdout


def write_pair(folder, **rows):
    for name, samples in rows.items():
        for number, (accuracy, seeds) in enumerate(samples):
            size = 50 if name == "base" else 100
            config = SEEDS.format(**{"init": "null", "order": "null", "augment": "null", **seeds.get("own", {})})
            more = {"seed": seeds.get("seed", 0), "weights": seeds.get("weights")}
            write_run(folder / f"{name}{number}", accuracy=accuracy, batch_size=size, config=config, **more)


def one_verdict(folder, *more):
    (one,) = verdicts(folder, "--against", "data.batch_size=50", *more)["comparisons"]
    return one


VALUES = ([0.90, 0.91, 0.92, 0.93], [0.95, 0.97, 0.96, 0.99])


def test_a_single_seed_that_varies_is_told_and_pairs(tmp_path):
    samples = [[(value, {"own": {"init": seed}}) for seed, value in enumerate(values)] for values in VALUES]
    write_pair(tmp_path, base=samples[0], other=samples[1])
    one = one_verdict(tmp_path)
    assert (one["method"], one["n"], one["verdict"]) == ("paired t", 4, "better")
    assert [sentence.partition(" in ")[0] for sentence in one["confounders"]] == ["seeds: only seeds.init varies"] * 2


def test_samples_that_share_a_seed_are_not_independent(tmp_path):
    mixed = [{"own": {"init": 1}}, {"own": {"init": 2}}, {"seed": 1}, {"seed": 2}]
    write_pair(tmp_path, base=list(zip(VALUES[0], mixed, strict=True)), other=list(zip(VALUES[1], mixed, strict=True)))
    one = one_verdict(tmp_path)
    assert one["verdict"] == "confounded"
    assert "have the same seeds.init, seeds.order, seeds.augment, so that they are not" in one["confounders"][0]
    assert one_verdict(tmp_path, "--where", "seeds.init=null")["verdict"] != "confounded"


def test_seeds_that_change_nothing_are_one_sample(tmp_path):
    for same in (True, False):
        folder = tmp_path / str(same)
        samples = [
            [
                (value, {"own": {"augment": seed}, "weights": name if same else f"{name}{seed}"})
                for seed, value in enumerate(values)
            ]
            for name, values in zip("ab", VALUES, strict=True)
        ]
        write_pair(folder, base=samples[0], other=samples[1])
        told = [
            sentence for sentence in one_verdict(folder)["confounders"] if "ended with the same weights" in sentence
        ]
        assert len(told) == (2 if same else 0)
    assert "4 of 4 seeds" in one_verdict(tmp_path / "True")["confounders"][1]
    assert one_verdict(tmp_path / "True")["verdict"] == "confounded"


def test_a_seed_that_is_null_is_the_same_sample_as_the_seed(tmp_path):
    write(tmp_path, 0.9, seed=3)
    write(tmp_path, 0.9, seed=0, init=3, order=3, augment=3)
    (row,) = verdicts(tmp_path)["rows"]
    assert (row["n"], row["reruns"]) == (1, 1)
