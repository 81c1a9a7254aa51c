"""What a search of k trials is expected to find, held against every set of k trials, and read from run folders."""

import itertools
import json
import math
import statistics
from fractions import Fraction

import numpy as np
import pytest

from exp.compare.expected_best import expected_best
from tests.support.comparing import compare, verdicts, write_run

N = 8
FIGURES = {
    "all different": [0.71, 0.92, 0.85, 0.64, 0.88, 0.79, 0.91, 0.60],
    "ties": [0.7, 0.9, 0.9, 0.6, 0.7, 0.9, 0.5, 0.6],
    "all equal": [0.7] * N,
    "failures": [0.71, None, 0.85, None, 0.88, None, 0.91, 0.60],
    "one is left": [None] * (N - 1) + [0.3],
    "ties and failures": [0.9, None, 0.9, 0.2, None, 0.2, 0.9, -0.1],
    "losses": [2.5, 0.01, 1e3, 0.3, 0.3, 7.0, 0.02, 0.01],
}
TEST = [0.5, 0.9, 0.1, 0.8, 0.3, 0.7, 0.2, 0.6]


def by_brute_force(selected, reported, k, *, higher=True):
    """Each set of k trials, and each of those that are equally good in it, drawn once."""
    whole = math.lcm(*range(1, len(selected) + 1))
    found, none, sets = [], 0, 0
    for chosen in itertools.combinations(range(len(selected)), k):
        sets += 1
        alive = [place for place in chosen if selected[place] is not None]
        best = (max if higher else min)((selected[place] for place in alive), default=None)
        tied = [place for place in alive if selected[place] == best]
        values = [reported[place] for place in tied]
        found += [value for value in values if value is not None for _ in range(whole // len(tied))]
        none += Fraction(values.count(None), len(tied)) if tied else 1
    if not found:
        return None, None, 1.0
    return statistics.fmean(found), statistics.pstdev(found), float(none / sets)


def assert_exact(one, selected, reported, *, higher=True):
    mean, std, none = by_brute_force(selected, reported, one.k, higher=higher)
    assert one.none == pytest.approx(none, abs=1e-12)
    if mean is None:
        assert (one.mean, one.std) == (None, None)
    else:
        assert one.mean == pytest.approx(mean, rel=1e-12, abs=1e-12)
        assert one.std == pytest.approx(std, rel=1e-12, abs=1e-9)


@pytest.mark.parametrize("higher", [True, False])
@pytest.mark.parametrize("name", FIGURES)
def test_the_mean_over_every_set(name, higher):
    figures = FIGURES[name]
    found = expected_best(figures, figures, counts=range(1, N + 1), higher=higher)
    assert [one.k for one in found] == list(range(1, N + 1))
    for one in found:
        assert_exact(one, figures, figures, higher=higher)


@pytest.mark.parametrize("name", FIGURES)
def test_what_is_reported_is_not_what_is_selected_on(name):
    for lost in ((), (1, 6), range(N - 1)):
        reported = [None if place in lost else value for place, value in enumerate(TEST)]
        for one in expected_best(FIGURES[name], reported, counts=range(1, N + 1), higher=True):
            assert_exact(one, FIGURES[name], reported)


def test_the_ends_are_the_mean_and_the_best():
    one, whole = expected_best(TEST, TEST, counts=[1, N], higher=True)
    assert (one.mean, one.std) == (pytest.approx(np.mean(TEST)), pytest.approx(np.std(TEST)))
    assert (whole.mean, whole.std, whole.none) == (max(TEST), 0.0, 0.0)


@pytest.mark.parametrize("k", [1, 2, 10, 333, 500, 999, 1000])
def test_a_thousand_trials_are_exact(k):
    draw = np.random.default_rng(0)
    values, failed = draw.normal(size=1000), 300
    values[:failed] = np.nan
    selected = [None if math.isnan(value) else float(value) for value in values]
    (one,) = expected_best(selected, selected, counts=[k], higher=True)
    ranked = sorted(value for value in selected if value is not None)
    sets, none = math.comb(1000, k), math.comb(failed, k)
    chances = [Fraction(math.comb(failed + place, k - 1), sets - none) for place in range(len(ranked))]
    assert sum(chances) == 1
    mean = sum(chance * Fraction(value) for chance, value in zip(chances, ranked, strict=True))
    square = sum(chance * (Fraction(value) - mean) ** 2 for chance, value in zip(chances, ranked, strict=True))
    assert one.mean == pytest.approx(float(mean), rel=1e-12)
    assert one.std == pytest.approx(math.sqrt(square), rel=1e-9, abs=1e-12)
    assert one.none == pytest.approx(none / sets, rel=1e-12, abs=1e-300)


def write_trial(folder, accuracy, *, validation=None, model="mlp", rate=0, seeds=1, lost=(), **more):
    """A configuration with its seeds, some of which diverged."""
    for seed in range(seeds):
        name = folder / f"{model}{rate}-{seed}"
        results = {**more.get("results", {})}
        if validation is not None and seed not in lost:
            results["validation"] = {"loss": 1 - validation, "accuracy": validation, "examples": 10, "step": 100}
        status = "diverged" if seed in lost else "completed"
        given = {**more, "results": results, "model": model, "seed": seed, "status": status}
        write_run(name, accuracy=accuracy, learning_rate=10.0**-rate, **given)


def trials_of(*arguments):
    document = verdicts(*arguments, "--trials")
    return document["trials"]


VALIDATION = [0.80, 0.95, 0.70, 0.90, 0.85]
"""The second is chosen, and the third would be by the test set."""
ON_TEST = [0.78, 0.81, 0.92, 0.83, 0.80]


@pytest.fixture
def search(tmp_path):
    for rate, (validation, accuracy) in enumerate(zip(VALIDATION, ON_TEST, strict=True)):
        write_trial(tmp_path, accuracy, validation=validation, rate=rate)
    return tmp_path


def test_chosen_by_validation_and_reported_on_the_test_set(search):
    found = trials_of(search)
    assert (found["metric"], found["selected_on"], found["goal"]) == ("test/accuracy", "validation/accuracy", "max")
    (group,) = found["groups"]
    assert (group["group"], group["n"], group["failed"]) == ({}, 5, 0)
    assert group["keys"] == ["optimizer.learning_rate"]
    for one in group["expected"]:
        mean, std, none = by_brute_force(VALIDATION, ON_TEST, one["k"])
        assert one == {
            "k": one["k"],
            "mean": pytest.approx(mean),
            "std": pytest.approx(std, abs=1e-12),
            "none": none,
        }
    assert group["expected"][-1]["mean"] == 0.81  # and not 0.92, which only the test set knows to be the best
    assert found["notes"] == []
    by_rate = sorted(group["trials"], key=lambda trial: trial["runs"])
    assert [(trial["selected"], trial["reported"]) for trial in by_rate] == list(zip(VALIDATION, ON_TEST, strict=True))


def test_without_validation_the_test_set_selects_and_that_is_said(tmp_path):
    for rate, accuracy in enumerate(ON_TEST):
        write_trial(tmp_path, accuracy, rate=rate)
    found = trials_of(tmp_path)
    assert (found["selected_on"], found["groups"][0]["expected"][-1]["mean"]) == ("test/accuracy", 0.92)
    assert [note.partition(",")[0] for note in found["notes"]] == ["selected on the test set"]
    assert "selected on the test set" in compare(tmp_path, "--trials").stdout


def test_weights_that_the_test_set_chose_are_named(search):
    write_trial(search, 0.99, validation=0.5, rate=9, results={"selected_on": "test"})
    (note,) = trials_of(search)["notes"]
    assert note == "selected on the test set, so that their test figures are too good: mlp9-0"
    assert trials_of(search, "--metric", "validation/loss")["notes"] == [
        "validation/loss is what trials are chosen by, so that it is too good a figure of the one that is chosen"
    ]


@pytest.mark.parametrize("metric", ["validation/accuracy", "validation/loss"])
def test_the_validation_is_that_of_the_weights_that_were_tested(search, metric):
    """The last validation of a run that went on for too long is not."""
    best = {"tested": "best", "best": {"metric": metric, "value": 0.99 if "acc" in metric else 0.2, "step": 60}}
    write_trial(search, 0.88, validation=0.1, rate=9, results=best)
    curve = search / "mlp9-0" / "metrics.jsonl"
    logged = [{"step": step, "validation/accuracy": 0.99 if step == 60 else 0.1} for step in (50, 60, 100)]
    curve.write_text("".join(f"{json.dumps({'loss': 1.0, **line})}\n" for line in logged))
    (group,) = trials_of(search)["groups"]
    assert group["expected"][-1]["mean"] == 0.88
    assert {trial["selected"] for trial in group["trials"]} == {*VALIDATION, 0.99}
    curve.write_text("")
    if metric == "validation/loss":
        done = compare(search, "--trials")
        assert (done.returncode, done.stdout) == (2, "")
        assert f"{search / 'mlp9-0'}: has no validation/accuracy of the weights that were tested" in done.stderr


def test_a_trial_is_the_mean_of_its_seeds(tmp_path):
    for rate, values in enumerate(([0.8, 0.9, 0.7], [0.6, 0.5, 0.7])):
        for seed, value in enumerate(values):
            results = {"validation": {"loss": 0.1, "accuracy": value - 0.1, "examples": 10, "step": 100}}
            write_run(
                tmp_path / f"{rate}-{seed}", accuracy=value, seed=seed, learning_rate=10.0**-rate, results=results
            )
    (group,) = trials_of(tmp_path)["groups"]
    assert [trial["reported"] for trial in group["trials"]] == pytest.approx([0.8, 0.6])
    assert [one["mean"] for one in group["expected"]] == pytest.approx([0.7, 0.8])


def test_failures_are_trials_that_give_nothing(search):
    for rate in (7, 8):
        write_trial(search, 0.99, validation=0.99, rate=rate, lost=(0,))
    write_trial(search, None, rate=9)  # killed, or still under way
    selected, reported = [*VALIDATION, None, None, None], [*ON_TEST, None, None, None]
    (group,) = trials_of(search)["groups"]
    assert (group["n"], group["failed"]) == (8, 3)
    for one in group["expected"]:
        mean, std, none = by_brute_force(selected, reported, one["k"])
        assert (one["mean"], one["none"]) == (pytest.approx(mean), pytest.approx(none, abs=1e-15))
        assert one["std"] == pytest.approx(std, abs=1e-9)
    assert [one["none"] > 0 for one in group["expected"]] == [True] * 3 + [False] * 5
    text = " ".join(compare(search, "--trials").stdout.split())
    assert "no figure" in text
    assert "37.5%" in text
    assert "counted without a figure: mlp7-0, n = 0 (1 diverged); mlp8-0, n = 0 (1 diverged); mlp9-0, n = 0 (1" in text


def test_a_trial_that_lost_seeds_is_the_mean_of_the_others_and_marked(tmp_path):
    for rate, lost in enumerate(((), (0, 2), ())):
        write_trial(tmp_path, 0.8 + rate / 100, validation=0.8 - rate / 100, rate=rate, seeds=3, lost=lost)
    found = trials_of(tmp_path)
    assert [trial["is_incomplete"] for trial in found["groups"][0]["trials"]] == [False, True, False]
    (note,) = found["notes"]
    assert note.startswith("! has seeds that failed")
    assert note.endswith("mlp1-0 +2, n = 1 (2 diverged) !")


def test_a_metric_that_is_not_finite_gives_nothing(search):
    write_trial(search, 0.9, validation=0.99, rate=9)
    path = search / "mlp9-0" / "results.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "test": {"loss": 1.0, "accuracy": None}}))
    (group,) = trials_of(search)["groups"]
    assert (group["failed"], group["expected"][-1]) == (1, {"k": 6, "mean": None, "std": None, "none": 1.0})
    assert "mlp9-0, n = 1, without a figure" in compare(search, "--trials").stdout


def write_two_searches(folder):
    for model, sizes in (("mlp", 4), ("cnn", 7)):
        for rate in range(sizes):
            accuracy = (0.8 if model == "mlp" else 0.83) + (rate * 3 % 7) / 100
            write_trial(folder, accuracy, validation=0.7 + (rate * 2 % 5) / 50, model=model, rate=rate)


def test_searches_are_compared_at_equal_budgets(tmp_path):
    write_two_searches(tmp_path)
    document = verdicts(tmp_path, "--against", "model=mlp", "--trials")
    assert {"metric", "baseline", "margin", "comparisons"} < document.keys()  # those of the verdicts stay
    assert len(document["comparisons"]) == 7
    mlp, cnn = document["trials"]["groups"]
    assert (mlp["group"], cnn["group"]) == ({"model": "mlp"}, {"model": "cnn"})
    assert ([one["k"] for one in mlp["expected"]], len(cnn["expected"])) == ([1, 2, 3, 4], 7)
    for group in (mlp, cnn):
        (alone,) = trials_of(tmp_path, "--where", f"model={group['group']['model']}")["groups"]
        assert alone["expected"] == group["expected"]
    lines = compare(tmp_path, "--against", "model=mlp", "--trials").stdout.splitlines()
    assert lines[2].split() == ["k", "model=mlp", "model=cnn"]
    rows = {line.split()[0]: line for line in lines[4:10]}
    assert list(rows) == ["1", "2", "3", "4", "5", "7"]
    assert [line.count("±") for line in rows.values()] == [2, 2, 2, 2, 1, 1]
    assert "equal budgets end at k = 4" in "\n".join(lines)


def test_a_picture(tmp_path):
    from PIL import Image

    write_two_searches(tmp_path)
    done = compare(tmp_path, "--trials", "--against", "model=mlp", "--plot", tmp_path / "trials.png")
    assert (done.returncode, done.stderr, done.stdout.splitlines()[-1]) == (0, "", str(tmp_path / "trials.png"))
    with Image.open(tmp_path / "trials.png") as picture:
        assert picture.width > picture.height > 300


def test_rows_stay_in_the_json(search):
    document = verdicts(search, "--trials")
    assert document["rows"] == verdicts(search)["rows"]
    assert not (search / "looks.jsonl").exists()


@pytest.mark.parametrize("arguments", [(), ("--against", "model=mlp"), ("--against", "optimizer.learning_rate=1.0")])
def test_eighty_columns(tmp_path, monkeypatch, arguments):
    monkeypatch.setenv("COLUMNS", "80")
    write_two_searches(tmp_path)
    for model in ("mlp", "cnn"):
        write_trial(tmp_path, 0.1, validation=0.1, model=model, rate=20, seeds=3, lost=(0, 1, 2))
        write_trial(tmp_path, 0.1, validation=0.1, model=model, rate=21, seeds=3, lost=(0, 1))
    done = compare(tmp_path, "--trials", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert max(map(len, done.stdout.splitlines())) <= 80
    words = " ".join(done.stdout.split())
    monkeypatch.setenv("COLUMNS", "1000")
    _, _, *sentences = compare(tmp_path, "--trials", *arguments).stdout.split("\n\n")
    assert len(sentences) > 2
    for sentence in sentences:
        assert " ".join(sentence.split()) in words


def test_other_code_and_data_are_named(search):
    facts = {"git": {"commit": "def", "dirty": False}, "data": {"name": "mnist", "fingerprint": "1"}}
    write_trial(search, 0.9, validation=0.9, rate=7, manifest=facts)
    write_trial(search, 0.9, validation=0.9, rate=8, manifest={"data": {"name": "mnist", "fingerprint": "2"}})
    assert trials_of(search)["notes"] == [
        "trials differ in more than their configurations, which can be the reason: commit, data"
    ]


def test_at_a_budget_trials_are_chosen_by_what_was_known_then(search):
    for rate in range(5):
        curve = search / f"mlp{rate}-0" / "metrics.jsonl"
        curve.write_text(
            "".join(
                f"{json.dumps({'step': step, 'loss': 1.0, 'validation/accuracy': step / 1000 + rate / 10})}\n"
                for step in (50, 100)
            )
        )
    found = trials_of(search, "--at", "step=50")
    assert (found["metric"], found["selected_on"]) == ("validation/accuracy", "validation/accuracy")
    assert found["groups"][0]["expected"][-1]["mean"] == pytest.approx(0.45)


def test_a_test_of_a_run_is_no_trial(search):
    write_trial(search, 0.99, validation=0.99, rate=9)
    config = search / "mlp9-0" / ".hydra" / "config.yaml"
    config.write_text(config.read_text().replace("mode: train", "mode: test"))
    done = compare(search, "--trials", "--json")
    assert "left out: 1 folder of mode=test" in done.stderr
    assert json.loads(done.stdout)["trials"]["groups"][0]["n"] == 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--where", "optimizer.learning_rate=1e-06"], "--trials: there is one, and a search has several"),
        (["--against", "model=mlp", "--where", "optimizer.learning_rate=1.0"], "--trials: no value has more than one"),
        (["--against", "model=nn"], "--against model=nn: no run is like this; model is cnn, mlp"),
        (["--against", "mode=train"], "--against mode=train: every run is like this"),
        (["--metric", "test/f1"], "--metric test/f1: no run has such a key"),
        (["--metric", "data.batch_size"], "--metric data.batch_size: is a key of the configuration"),
        (["--metric", "step"], "--metric step: nothing says which value is better"),
        (["--metric", "weights_sha256", "--goal", "max"], "--trials: no run that completed has weights_sha256"),
        (["--margin", "0.1"], "--margin: does not go with --trials"),
        (["--sort", "step"], "--sort: does not go with --trials"),
        (["--json", "--plot", "x.png"], "--plot: does not go with --trials --json"),
        (["--csv"], "--csv: does not go with --trials"),
        (["--calibrate"], "--trials: does not go with --calibrate"),
    ],
)
def test_mistakes_are_named(tmp_path, arguments, message):
    write_two_searches(tmp_path)
    done = compare(tmp_path, "--trials", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


def test_trials_that_were_not_validated_are_refused_among_those_that_were(search):
    write_trial(search, 0.9, rate=9)
    done = compare(search, "--trials")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{search / 'mlp9-0'}: has no validation/accuracy of the weights that were tested" in done.stderr


def test_no_trial_that_completed(tmp_path):
    for rate in range(3):
        write_trial(tmp_path, None, rate=rate)
    done = compare(tmp_path, "--trials")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "--trials: no run that completed has test/loss\n"
