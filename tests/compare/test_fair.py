"""Comparisons that look fair and are not, and folders of all kinds: what is said of them."""

import json

import pytest

from tests.support.comparing import compare, verdicts, write_run

MLP = [0.9701, 0.9723, 0.9718, 0.9695, 0.9710, 0.9731, 0.9702]
CNN = [0.9821, 0.9840, 0.9835, 0.9818, 0.9829, 0.9851, 0.9824]
AGAINST = ("--against", "model=mlp")


def write_group(folder, name, values, *, model="mlp", first=0, **more):
    for seed, accuracy in enumerate(values, first):
        write_run(folder / f"{name}{seed}", accuracy=accuracy, model=model, seed=seed, **more)


def names(comparison):
    return [sentence.partition(":")[0] for sentence in comparison["confounders"]]


def change(path, **keys):
    path.write_text(json.dumps({**json.loads(path.read_text()), **keys}))


def test_two_baselines_that_are_as_near(tmp_path):
    write_group(tmp_path, "small", MLP)
    write_group(tmp_path, "large", [value + 0.02 for value in MLP])
    for seed in range(7):
        config = tmp_path / f"large{seed}" / ".hydra" / "config.yaml"
        config.write_text(config.read_text().replace("hidden: 100", "hidden: 500"))
    write_group(tmp_path, "cnn", CNN, model="cnn")
    for seed in range(7):
        config = tmp_path / f"cnn{seed}" / ".hydra" / "config.yaml"
        config.write_text(config.read_text().replace("hidden: 100", "filters: 32"))
    (one,) = verdicts(tmp_path, *AGAINST)["comparisons"]
    assert (names(one), one["verdict"]) == (["baseline"], "confounded")
    (named,) = [
        one
        for one in verdicts(tmp_path, *AGAINST, "--against", "model.hidden=100")["comparisons"]
        if one["group"].get("model") == "cnn"
    ]
    assert (named["confounders"], named["verdict"]) == ([], "better")


def test_settings_that_two_choices_share_are_matched(tmp_path):
    for optimizer, rates in (("adam", {0.001: 0.0, 0.01: 0.02}), ("sgd", {0.001: -0.01, 0.01: 0.01})):
        for rate, shift in rates.items():
            values = [value + shift + (optimizer == "sgd") * seed / 9000 for seed, value in enumerate(MLP)]
            write_group(tmp_path, f"{optimizer}{rate}-", values, learning_rate=rate)
            for seed in range(7):
                config = tmp_path / f"{optimizer}{rate}-{seed}" / ".hydra" / "config.yaml"
                config.write_text(config.read_text().replace("exp.optimizer.adam", f"exp.optimizer.{optimizer}"))
    found = verdicts(tmp_path, "--against", "optimizer=adam")["comparisons"]
    assert [(one["verdict"], one["confounders"]) for one in found] == [("worse", [])] * 2


def test_a_metric_that_is_not_finite_is_a_failure(tmp_path):
    write_group(tmp_path, "mlp", MLP)
    write_group(tmp_path, "cnn", CNN, model="cnn")
    for seed in (1, 2):
        change(tmp_path / f"cnn{seed}" / "results.json", test={"loss": 0.1, "accuracy": None})
    (one,) = verdicts(tmp_path, *AGAINST)["comparisons"]
    assert (one["runs"]["n"], one["runs"]["failed"], one["verdict"]) == (5, 2, "confounded")
    assert one["confounders"] == ["failed: 2 of 7 seeds of cnn0 +6 have no test/accuracy"]
    assert "(n = 5)" in compare(tmp_path).stdout
    rows = json.loads(compare(tmp_path, "--json").stdout)["rows"]
    assert [row["results"]["test/accuracy"]["n"] for row in rows] == [5, 7]


def test_other_data_do_not_follow_from_the_batch_size(tmp_path):
    write_group(tmp_path, "a", MLP, manifest={"data": {"name": "mnist", "fingerprint": "1"}})
    write_group(tmp_path, "b", CNN, batch_size=32, manifest={"data": {"name": "mnist", "fingerprint": "2"}})
    (one,) = verdicts(tmp_path, "--against", "data.batch_size=50")["comparisons"]
    assert (names(one), one["verdict"]) == (["data"], "confounded")


def test_unknown_changes_are_not_known_to_be_equal(tmp_path):
    for name, values, model in (("m", MLP, "mlp"), ("c", CNN, "cnn")):
        write_group(tmp_path, name, values, model=model, manifest={"git": {"commit": "abc", "dirty": True}})
    (one,) = verdicts(tmp_path, *AGAINST)["comparisons"]
    assert (names(one), one["verdict"]) == (["patch"], "confounded")


def test_seeds_that_only_one_has_are_left_out_of_the_pairs(tmp_path):
    write_group(tmp_path, "mlp", MLP[:6])
    write_group(tmp_path, "cnn", CNN[1:], model="cnn", first=1)
    (one,) = verdicts(tmp_path, *AGAINST)["comparisons"]
    assert (one["method"], one["n"], one["left_out"]) == ("paired t", 5, ["6", "0"])
    assert one["difference"] == pytest.approx(sum(CNN[1:6]) / 5 - sum(MLP[1:6]) / 5)
    assert (
        "the difference is of the 5 seeds that both have; of one alone are 6, 0" in compare(tmp_path, *AGAINST).stdout
    )


def test_a_key_that_earlier_versions_lacked_is_as_null(tmp_path):
    write_group(tmp_path, "old", MLP[:3])
    write_group(tmp_path, "new", MLP[3:], first=3, config="later: null\n")
    assert [row["n"] for row in json.loads(compare(tmp_path, "--json").stdout)["rows"]] == [7]


def test_a_seed_that_diverged_is_not_made_good_by_another_run(tmp_path):
    write_group(tmp_path, "mlp", MLP[:4])
    write_group(tmp_path, "cnn", CNN[:4], model="cnn", manifest={"started": "2026-01-02"})
    before = {"model": "cnn", "seed": 2, "status": "diverged", "manifest": {"started": "2026-01-01"}}
    write_run(tmp_path / "before", accuracy=0.1, **before)
    (one,) = verdicts(tmp_path, *AGAINST)["comparisons"]
    assert (one["runs"]["n"], one["runs"]["failed"], one["runs"]["reruns"]) == (3, 1, 1)
    assert names(one) == ["failed", "determinism"]


def test_a_run_that_was_killed_may_be_run_again(tmp_path):
    write_group(tmp_path, "mlp", MLP[:4])
    write_group(tmp_path, "cnn", CNN[:4], model="cnn")
    write_run(tmp_path / "killed", accuracy=None, model="cnn", seed=2, manifest={"started": ""})
    (one,) = verdicts(tmp_path, *AGAINST)["comparisons"]
    assert (one["runs"]["failed"], one["runs"]["reruns"], one["verdict"]) == (0, 0, "better")


def test_a_resumed_run_was_started_when_it_began(tmp_path):
    resumed = {"started": "2026-01-03", "previous": [{"started": "2026-01-01"}]}
    write_run(tmp_path / "a", accuracy=0.9, manifest=resumed)
    write_run(tmp_path / "b", accuracy=0.99, manifest={"started": "2026-01-02"})
    (row,) = json.loads(compare(tmp_path, "--json").stdout)["rows"]
    assert (row["n"], row["reruns"], row["results"]["test/accuracy"]["mean"]) == (1, 1, 0.9)


def test_one_pair_that_is_left_of_five_is_not_identical(tmp_path):
    for seed in range(5):
        write_run(tmp_path / f"a{seed}", accuracy=0.9, seed=seed, weights=f"seed {seed}")
        status = "completed" if seed == 0 else "diverged"
        write_run(tmp_path / f"b{seed}", accuracy=0.9, seed=seed, weights=f"seed {seed}", buffer_size=9, status=status)
    (one,) = verdicts(tmp_path, "--against", "data.buffer_size=1")["comparisons"]
    assert (one["verdict"], one["method"], names(one)) == ("undecided", "paired t", ["failed"])


def test_what_a_clock_ended_depends_on_speed(tmp_path):
    for name, values, model, jobs in (("m", MLP, "mlp", 1), ("c", CNN, "cnn", 8)):
        manifest = {"sweep": {"folder": "s", "n_jobs": jobs}}
        write_group(tmp_path, name, values, model=model, manifest=manifest, results={"stopped": "max_seconds"})
    (one,) = verdicts(tmp_path, *AGAINST)["comparisons"]
    assert (names(one), one["verdict"]) == (["jobs side by side"], "confounded")


def test_a_rerun_that_does_not_count_spoils_nothing(tmp_path):
    write_group(tmp_path, "mlp", MLP)
    write_group(tmp_path, "cnn", CNN, model="cnn")
    later = {"git": {"commit": "zzz", "dirty": False}, "started": "9"}
    write_run(tmp_path / "again", accuracy=CNN[1], model="cnn", seed=1, weights="cnn1", manifest=later)
    (one,) = verdicts(tmp_path, *AGAINST)["comparisons"]
    assert (one["confounders"], one["runs"]["reruns"], one["verdict"]) == ([], 1, "better")


def test_tests_of_runs_are_no_runs(tmp_path):
    write_group(tmp_path, "mlp", MLP[:3])
    write_group(tmp_path, "cnn", CNN[:3], model="cnn")
    write_run(tmp_path / "test", accuracy=0.98, model="cnn")
    config = tmp_path / "test" / ".hydra" / "config.yaml"
    config.write_text(config.read_text().replace("mode: train", "mode: test"))
    done = compare(tmp_path, *AGAINST, "--json")
    assert "left out: 1 folder of mode=test" in done.stderr
    assert len(json.loads(done.stdout)["comparisons"]) == 1


def test_looks_are_counted_for_each_comparison(tmp_path):
    for batch_size in (32, 50):
        write_group(tmp_path, f"mlp{batch_size}-", MLP[:3], batch_size=batch_size)
        write_group(tmp_path, f"cnn{batch_size}-", CNN[:3], model="cnn", batch_size=batch_size)
    assert verdicts(tmp_path, *AGAINST)["looks"] == 1
    assert verdicts(tmp_path, *AGAINST)["looks"] == 1
    assert len((tmp_path / "looks.jsonl").read_text().splitlines()) == 1


@pytest.mark.parametrize(
    "planted",
    [
        {"previous": [{"restored": "x"}]},
        {"previous": ["x"], "restored": 3, "sweep": "s", "code": ["x"]},
        {"metrics": {"accuracy": "banana"}},
        {"started": {"a": 1}},
    ],
)
def test_manifests_of_strangers(tmp_path, planted):
    write_group(tmp_path, "mlp", MLP)
    write_group(tmp_path, "cnn", CNN, model="cnn", manifest=planted)
    done = compare(tmp_path, *AGAINST, "--json")
    assert done.returncode in (0, 2), done.stderr
    assert "Traceback" not in done.stderr
    if done.returncode == 0 and done.stdout:
        assert all(one["verdict"] in ("better", "confounded") for one in json.loads(done.stdout)["comparisons"])


@pytest.mark.parametrize("values", [[1.7e308, 1.6e308, 1e200], [-1e200, 1e200, 0.5], [1e99, -1e99, 1e98]])
def test_huge_figures(tmp_path, values):
    write_group(tmp_path, "mlp", MLP[:3])
    write_group(tmp_path, "cnn", values, model="cnn", config='hooks: [{1: a, "b": c}]\n')
    for arguments in ((), ("--csv",), ("--json",), AGAINST, (*AGAINST, "--json")):
        done = compare(tmp_path, *arguments)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        assert "Infinity" not in done.stdout


def put_overrides(folder, lines):
    (folder / ".hydra" / "overrides.yaml").write_text("".join(f"- {json.dumps(line)}\n" for line in lines))


@pytest.mark.parametrize(
    "lines",
    [
        [],  # a run that was reproduced, or imported
        ["model={model}", "data.batch_size=999"],
        ["model={model}", "--config-dir=/tmp/evil"],
        ["model={model}", "hydra/launcher=evil"],
        ["model={model}", "~summary.figures"],
        ["model={model}", "+x=\u001b]0;y"],
    ],
)
def test_no_command_is_made_of_overrides_that_do_not_explain_a_run(tmp_path, lines):
    for model, values in (("mlp", [0.90, 0.92, 0.94]), ("cnn", [0.915, 0.925, 0.945])):
        write_group(tmp_path, model, values, model=model)
        put_overrides(tmp_path / f"{model}0", [line.format(model=model) for line in lines])
    (one,) = verdicts(tmp_path, *AGAINST)["comparisons"]
    assert (one["verdict"], one["next_command"]) == ("undecided", None)


def test_the_command_trains_what_each_lacks(tmp_path):
    write_group(tmp_path, "mlp", [0.90, 0.92, 0.94, 0.93, 0.92])
    write_group(tmp_path, "cnn", [0.915, 0.925, 0.945], model="cnn")
    put_overrides(tmp_path / "mlp0", ["++seed=0", "model=mlp"])
    put_overrides(tmp_path / "cnn0", ["seed=0", "model=cnn", "trusted_targets=[my_models.]"])
    config = tmp_path / "cnn0" / ".hydra" / "config.yaml"
    config.write_text(config.read_text() + "trusted_targets: [my_models.]\n")
    (one,) = [o for o in verdicts(tmp_path, *AGAINST)["comparisons"] if o["runs"]["n"] == 1]
    assert one["next_command"] is None  # it is confounded by its other key
    config.write_text(config.read_text().replace("trusted_targets: [my_models.]\n", ""))
    (one,) = verdicts(tmp_path, *AGAINST)["comparisons"]
    assert (one["n"], one["seeds_needed"], one["left_out"]) == (3, 6, ["3", "4"])
    first, second = one["next_command"].split(" && ")
    assert first.endswith("run.py -m model=mlp 'seed=choice(5)'")
    assert second.endswith("run.py -m model=cnn seed=3,4,5")


def test_a_margin_asks_for_other_seeds(tmp_path):
    write_group(tmp_path, "mlp", MLP[:3])
    write_group(tmp_path, "cnn", [MLP[0] + 0.0012, MLP[1] - 0.0009, MLP[2] + 0.0001], model="cnn")
    (one,) = verdicts(tmp_path, *AGAINST)["comparisons"]
    assert one["seeds_needed"] > 300
    (close,) = verdicts(tmp_path, *AGAINST, "--margin", "0.0015")["comparisons"]
    assert (close["verdict"], close["seeds_needed"]) == ("undecided", 6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([*AGAINST, "--csv"], "--csv: does not go with --against"),
        ([*AGAINST, "--sort", "step"], "--sort: does not go with --against"),
        (["--margin", "0.1"], "--margin: goes with --against KEY=VALUE"),
        ([*AGAINST, "--against", "model=cnn"], "--against model=cnn: model=mlp is given, too"),
        (["--against", "seed=0"], "--against seed=0: seeds are the samples of a row"),
        ([*AGAINST, "--metric", "data.batch_size"], "--metric data.batch_size: is a key of the configuration"),
    ],
)
def test_mistakes_are_named(tmp_path, arguments, message):
    write_group(tmp_path, "mlp", MLP[:2])
    write_group(tmp_path, "cnn", CNN[:2], model="cnn")
    done = compare(tmp_path, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
