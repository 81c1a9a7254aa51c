"""`compare.py --variance`: how much a metric varies with which seed, and samples that are not independent."""

import shlex
import statistics

import numpy as np
import pytest
import scipy.stats

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
    assert (found["seeds.init"]["n"], found["seeds.init"]["freedom"]) == (9, 6)
    assert found["seeds.init"]["std"] ** 2 == pytest.approx(values.var(axis=0, ddof=1).mean())
    assert found["seeds.order"]["std"] ** 2 == pytest.approx(values.var(axis=1, ddof=1).mean())
    assert (found["seed"]["n"], found["seeds.init"]["share"]) == (0, None)


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
