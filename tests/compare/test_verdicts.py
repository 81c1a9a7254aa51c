"""Verdicts of `compare.py --against`, from folders as runs leave them."""

import json
import shlex

import pytest

from tests.support.comparing import compare, verdicts, write_run

MLP = [0.9701, 0.9723, 0.9718, 0.9695, 0.9710, 0.9731, 0.9702]
CNN = [0.9821, 0.9840, 0.9835, 0.9818, 0.9829, 0.9851, 0.9824]


def write_pairs(folder, mlp=MLP, cnn=CNN, **more):
    for model, values in (("mlp", mlp), ("cnn", cnn)):
        for seed, accuracy in enumerate(values):
            write_run(folder / f"{model}-{seed}", accuracy=accuracy, model=model, seed=seed, **more)


def test_a_verdict_has_every_key_of_the_contract(tmp_path):
    write_pairs(tmp_path)
    document = verdicts(tmp_path, "--against", "model=mlp")
    assert (document["metric"], document["baseline"], document["margin"]) == ("test/accuracy", {"model": "mlp"}, None)
    (one,) = document["comparisons"]
    assert one["group"] == {"model": "cnn"}
    assert one["runs"] == {
        **{"n": 7, "failed": 0, "reruns": 0},
        **{"mean": pytest.approx(0.98311429, abs=1e-8), "std": pytest.approx(0.00116823, abs=1e-8)},
    }
    assert (one["n"], one["method"], one["verdict"]) == (7, "paired t", "better")
    assert one["difference"] == pytest.approx(0.01197143, abs=1e-8)
    assert one["low"] < one["difference"] < one["high"]
    assert one["p"] == one["p_holm"] < 1e-6
    assert one["p_exact"] == 2 / 2**7
    assert (one["probability_better"], one["confounders"]) == (1.0, [])
    assert (one["seeds_needed"], one["next_command"]) == (None, None)
    assert one["effect"] > 10


def test_better_minds_the_direction(tmp_path):
    write_pairs(tmp_path)
    (lower,) = verdicts(tmp_path, "--against", "model=mlp", "--metric", "test/loss")["comparisons"]
    assert lower["difference"] < 0
    assert lower["verdict"] == "better"
    (other,) = verdicts(tmp_path, "--against", "model=cnn")["comparisons"]
    assert other["difference"] < 0
    assert other["verdict"] == "worse"
    (said,) = verdicts(tmp_path, "--against", "model=mlp", "--goal", "min")["comparisons"]
    assert said["verdict"] == "worse"


def test_other_seeds_are_no_pairs(tmp_path):
    for seed, (mlp, cnn) in enumerate(zip(MLP, CNN, strict=True)):
        write_run(tmp_path / f"m{seed}", accuracy=mlp, seed=seed)
        write_run(tmp_path / f"c{seed}", accuracy=cnn, seed=seed + 100, model="cnn")
    (one,) = verdicts(tmp_path, "--against", "model=mlp")["comparisons"]
    assert (one["method"], one["n"], one["p_exact"], one["verdict"]) == ("Welch t", 7, None, "better")


def test_what_is_undecided_says_how_many_seeds_would_decide(tmp_path):
    write_pairs(tmp_path, mlp=[0.90, 0.92, 0.94], cnn=[0.915, 0.925, 0.945])
    (one,) = verdicts(tmp_path, "--against", "model=mlp")["comparisons"]
    assert one["verdict"] == "undecided"
    assert one["effect"] == pytest.approx(1.4434, abs=5e-5)
    assert one["seeds_needed"] == 6
    words = shlex.split(one["next_command"])
    assert words[words.index("-m") :] == [
        *("-m", "model=mlp,cnn", "data.batch_size=50", "data.buffer_size=1"),
        *("optimizer.learning_rate=0.001", "seed=3,4,5"),
    ]


def test_two_diverged_of_three(tmp_path):
    for seed in range(3):
        write_run(tmp_path / f"m{seed}", accuracy=0.97 + seed / 1000, seed=seed)
        status = "completed" if seed == 1 else "diverged"
        write_run(tmp_path / f"d{seed}", accuracy=0.99, seed=seed, learning_rate=1.0, status=status)
    (one,) = verdicts(tmp_path, "--against", "optimizer.learning_rate=0.001")["comparisons"]
    assert (one["verdict"], one["n"], one["runs"]["n"], one["runs"]["failed"]) == ("undecided", 1, 1, 2)
    assert one["p"] is None
    table = compare(tmp_path, "--sort", "test/accuracy").stdout.splitlines()
    first, last = (next(place for place, line in enumerate(table) if line.startswith(name)) for name in ("m0", "d0"))
    assert first < last
    assert "1 (2 diverged) !" in table[last]


def test_a_row_that_lost_seeds_has_no_verdict(tmp_path):
    """Those that survived are no fair sample of all."""
    write_pairs(tmp_path)
    results = tmp_path / "cnn-3" / "results.json"
    results.write_text(json.dumps({**json.loads(results.read_text()), "status": "diverged"}))
    (one,) = verdicts(tmp_path, "--against", "model=mlp")["comparisons"]
    assert (one["verdict"], one["n"]) == ("confounded", 6)
    assert one["confounders"] == ["failed: 1 of 7 seeds of cnn-0 +6"]
    (accepted,) = verdicts(tmp_path, "--against", "model=mlp", "--accept", "failed")["comparisons"]
    assert (accepted["verdict"], accepted["confounders"]) == ("better", one["confounders"])


def test_bit_equal_runs_are_identical(tmp_path):
    for seed in range(3):
        for buffer_size in (1, 1000):
            folder = tmp_path / f"{buffer_size}-{seed}"
            write_run(folder, accuracy=0.9, seed=seed, buffer_size=buffer_size, weights=f"of {seed}")
    (one,) = verdicts(tmp_path, "--against", "data.buffer_size=1")["comparisons"]
    assert (one["verdict"], one["method"], one["difference"]) == ("identical", "identical", 0.0)
    assert (one["p"], one["p_holm"], one["next_command"]) == (None, None, None)


def test_equal_figures_of_other_weights_are_not_identical(tmp_path):
    write_pairs(tmp_path, mlp=[0.9] * 3, cnn=[0.9] * 3)
    (one,) = verdicts(tmp_path, "--against", "model=mlp")["comparisons"]
    assert (one["verdict"], one["method"], one["p"]) == ("undecided", "paired t", None)


def test_equivalence_is_asked_for_by_a_margin(tmp_path):
    write_pairs(tmp_path, mlp=MLP, cnn=[value + (0.0001 if seed % 2 else -0.0001) for seed, value in enumerate(MLP)])
    (one,) = verdicts(tmp_path, "--against", "model=mlp")["comparisons"]
    assert one["verdict"] == "undecided"
    document = verdicts(tmp_path, "--against", "model=mlp", "--margin", "0.002")
    assert (document["margin"], document["comparisons"][0]["verdict"]) == (0.002, "equivalent")


def test_several_comparisons_are_adjusted_together(tmp_path):
    for buffer_size, shift in ((1, 0.0), (10, 0.004), (100, 0.001), (1000, 0.0)):
        for seed, accuracy in enumerate(MLP[:5]):
            noise = ((seed * 7 + buffer_size) % 5 - 2) / 1000
            folder = tmp_path / f"{buffer_size}-{seed}"
            write_run(folder, accuracy=accuracy + shift + noise, seed=seed, buffer_size=buffer_size)
    found = verdicts(tmp_path, "--against", "data.buffer_size=1")["comparisons"]
    assert [one["group"] for one in found] == [{"data.buffer_size": size} for size in (10, 100, 1000)]
    ordered = sorted(found, key=lambda one: one["p"])
    assert ordered[0]["p_holm"] == pytest.approx(3 * ordered[0]["p"])
    text = compare(tmp_path, "--against", "data.buffer_size=1").stdout
    assert "p is adjusted for 3 comparisons (Holm)" in text


def test_a_row_is_compared_with_the_baseline_that_differs_least(tmp_path):
    for batch_size in (32, 128):
        for seed, (mlp, cnn) in enumerate(zip(MLP, CNN, strict=True)):
            more = {"batch_size": batch_size, "seed": seed}
            write_run(tmp_path / f"m{batch_size}-{seed}", accuracy=mlp - batch_size / 1000, **more)
            write_run(tmp_path / f"c{batch_size}-{seed}", accuracy=cnn - batch_size / 1000, model="cnn", **more)
    found = verdicts(tmp_path, "--against", "model=mlp")["comparisons"]
    assert [one["where"] for one in found] == [{"data.batch_size": 128}, {"data.batch_size": 32}]
    assert [one["difference"] for one in found] == pytest.approx([0.01197143] * 2, abs=1e-8)
    assert [(one["confounders"], one["verdict"]) for one in found] == [([], "better")] * 2


def test_another_key_that_differs_is_a_confounder(tmp_path):
    for seed, (mlp, cnn) in enumerate(zip(MLP, CNN, strict=True)):
        write_run(tmp_path / f"m{seed}", accuracy=mlp, seed=seed)
        write_run(tmp_path / f"c{seed}", accuracy=cnn, seed=seed, model="cnn", batch_size=32)
    (one,) = verdicts(tmp_path, "--against", "model=mlp")["comparisons"]
    assert (one["verdict"], one["group"]) == ("confounded", {"model": "cnn", "data.batch_size": 32})
    assert one["confounders"] == ["data.batch_size: is 32 in c0 +6 and 50 in m0 +6"]
    (both,) = verdicts(tmp_path, "--against", "model=mlp", "--against", "data.batch_size=50")["comparisons"]
    assert (both["verdict"], both["confounders"]) == ("better", [])


def test_to_look_again_with_more_seeds_is_counted(tmp_path):
    write_pairs(tmp_path, mlp=MLP[:3], cnn=CNN[:3])
    assert [verdicts(tmp_path, "--against", "model=mlp")["looks"] for _ in range(2)] == [1, 1]
    assert verdicts(tmp_path, "--against", "model=mlp", "--metric", "test/loss")["looks"] == 1
    for model, values in (("mlp", MLP), ("cnn", CNN)):
        write_run(tmp_path / f"{model}-3", accuracy=values[3], model=model, seed=3)
    text = compare(tmp_path, "--against", "model=mlp").stdout
    assert "this question was asked with 2 different numbers of seeds" in text
    lines = (tmp_path / "looks.jsonl").read_text().splitlines()
    assert len(lines) == 3
    assert json.loads(lines[2])["against"] == {"model": "mlp"}


def test_a_forest_plot(tmp_path):
    from PIL import Image

    write_pairs(tmp_path)
    done = compare(tmp_path, "--against", "model=mlp", "--margin", "0.001", "--plot", tmp_path / "forest.png")
    assert (done.returncode, done.stderr) == (0, "")
    with Image.open(tmp_path / "forest.png") as picture:
        colours = {colour for _, colour in picture.convert("RGB").getcolors(1 << 20)}
    assert (0x2A, 0x7F, 0x3F) in colours  # what is better is green


def test_a_verdict_where_nothing_can_be_written(tmp_path):
    write_pairs(tmp_path, mlp=MLP[:3], cnn=CNN[:3])
    (tmp_path / "looks.jsonl").symlink_to(tmp_path / "elsewhere")
    done = compare(tmp_path, "--against", "model=mlp", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["looks"] is None
    assert "nobody will know that this was looked at" in done.stderr
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--against", "model"], "--against model: must be KEY=VALUE"),
        (["--against", "model=nn"], "--against model=nn: no run is like this; model is cnn, mlp"),
        (["--against", "mode=train"], "--against mode=train: every run is like this"),
        (
            ["--against", "data.bacth_size=1"],
            "--against data.bacth_size: no run has such a key; did you mean data.batch_size?",
        ),
        (["--against", "step=100"], "step is a result"),
        (["--against", "model=mlp", "--metric", "step"], "--metric step: nothing says which value is better"),
        (["--against", "model=mlp", "--margin", "-1"], "--margin -1.0: must be above 0"),
        (["--against", "model=mlp", "--accept", "comit"], "--accept comit: is neither a key nor one of"),
    ],
)
def test_mistakes_are_named(tmp_path, arguments, message):
    write_pairs(tmp_path, mlp=MLP[:2], cnn=CNN[:2])
    done = compare(tmp_path, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
