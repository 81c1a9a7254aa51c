"""Each thing that can spoil a comparison, planted alone: it is named, and nothing else is."""

import json
from pathlib import Path

import pytest

from exp.compare.facts import UNKNOWN, _exp, facts_of_runs
from exp.compare.runs import Run
from tests.support.comparing import compare, verdicts, write_run

MANIFEST = {
    "exp": "0.1.0",
    "git": {"commit": "1" * 40, "dirty": False, "patch": None},
    "code": {"my_models": {"commit": "5" * 40, "dirty": False, "patch": None}},
    "packages": {"tensorflow": "2.21.0", "keras": "3.15.1", "numpy": "2.4.6", "pydantic": "2.14.3"},
    "data": {
        **{"name": "mnist", "fingerprint": "ceda791d", "examples": {"train": 54000, "test": 10000}},
        **{"set_apart": "aa11", "skipped": {"count": 0, "files": []}},
    },
    "devices": {"used": ["CPU:0"], "replicas": 1, "threads": 2},
    "jit_compile": True,
    "restored": None,
    "sweep": {"folder": "s", "n_jobs": 2},
    "python": "3.11.7",
    "platform": "Linux-6.18",
    "metrics": {"accuracy": "max"},
}
PLANTED = {
    "commit": {"git": {"commit": "2" * 40, "dirty": False, "patch": None}},
    "commit (of one's own code)": {"code": {"my_models": {"commit": "6" * 40, "dirty": False, "patch": None}}},
    "patch": {"git": {"commit": "1" * 40, "dirty": True, "patch": "f" * 64}},
    "patch (that nobody kept)": {"git": {"commit": "1" * 40, "dirty": True}},
    "packages": {"packages": {**MANIFEST["packages"], "keras": "3.16.0"}},
    "exp": {"exp": "0.2.0"},
    "data": {"data": {**MANIFEST["data"], "fingerprint": "beda791d"}},
    "data (of another size)": {"data": {**MANIFEST["data"], "examples": {"train": 53999, "test": 10000}}},
    "split": {"data": {**MANIFEST["data"], "set_apart": "bb22"}},
    "skipped files": {"data": {**MANIFEST["data"], "skipped": {"count": 1, "files": ["a.jpg"]}}},
    "threads": {"devices": {**MANIFEST["devices"], "threads": 1}},
    "devices": {"devices": {**MANIFEST["devices"], "used": ["GPU:0"]}},
    "xla": {"jit_compile": False},
    "warm start": {"restored": {"checkpoint": "other/checkpoints/ckpt-5", "weights_sha256": "cc33"}},
}
ACCURACIES = [0.97, 0.971, 0.973, 0.969, 0.972]


def write_sweep(folder, *, planted=None, in_runs=(), results=None):
    """Two learning rates with five seeds each; some of the runs, by rate and seed, have another manifest."""
    for rate, shift in ((0.001, 0.0), (0.01, 0.01)):
        for seed, accuracy in enumerate(ACCURACIES):
            is_other = (rate, seed) in in_runs
            write_run(
                folder / f"{rate}-{seed}",
                accuracy=accuracy + shift * (1 + seed % 2 / 10),
                learning_rate=rate,
                seed=seed,
                manifest={**MANIFEST, **(planted or {})} if is_other else MANIFEST,
                results=results if is_other else None,
            )


GROUP = [(0.01, seed) for seed in range(5)]
AGAINST = ("--against", "optimizer.learning_rate=0.001")


def test_steps_that_were_compiled_before_matter_to_seconds_alone():
    runs = [Run(Path(str(n)), {}, {"compiled": compiled}, {}) for n, compiled in enumerate((True, False, None))]
    (fact,) = [fact for fact in facts_of_runs(runs) if fact.name == "compiled steps"]
    assert [fact.of(run) for run in runs] == ["compiled in the run", "kept from another run", "none"]
    assert [fact.matters(metric) for metric in ("seconds.first_step", "examples_per_second", "test/loss")] == [
        *(True, False, False)
    ]


def test_an_installed_program_with_changes_is_not_the_commit_itself():
    def told(commit, git=None):
        manifest = {"exp": "0.1.0", "exp_commit": commit, **({"git.commit": git} if git else {})}
        return _exp(Run(Path("run"), {}, {}, manifest))

    assert told("a" * 40) == f"0.1.0 ({'a' * 10})"
    assert told("a" * 40 + "+changes") == f"0.1.0 ({'a' * 10}, {UNKNOWN})"
    assert told("a" * 40 + "+changes", git="a" * 40) == "0.1.0"
    assert told(None) == "0.1.0"


def test_without_any_there_is_a_verdict(tmp_path):
    write_sweep(tmp_path)
    (one,) = verdicts(tmp_path, *AGAINST)["comparisons"]
    assert (one["verdict"], one["confounders"]) == ("better", [])
    assert [row["notes"] for row in json.loads(compare(tmp_path, "--json").stdout)["rows"]] == [[], []]


@pytest.mark.parametrize("planted", PLANTED)
@pytest.mark.parametrize("where", ["between", "inside"])
def test_each_is_named_and_nothing_else(tmp_path, planted, where):
    name = planted.partition(" (")[0]
    write_sweep(tmp_path, planted=PLANTED[planted], in_runs=GROUP if where == "between" else GROUP[:1])
    found = verdicts(tmp_path, *AGAINST)["comparisons"]
    if name == "threads" and where == "inside":  # runs with other threads are another row
        assert len(found) == 2
        found = found[:1]
    (one,) = found
    assert [sentence.partition(":")[0] for sentence in one["confounders"]] == [name]
    assert one["verdict"] == ("undecided" if one["n"] == 1 else "confounded")
    (accepted, *_) = verdicts(tmp_path, *AGAINST, "--accept", name)["comparisons"]
    assert accepted["confounders"] == one["confounders"]
    assert accepted["verdict"] == ("undecided" if one["n"] == 1 else "better")
    text = compare(tmp_path, *AGAINST).stdout
    assert one["confounders"][0] in text


@pytest.mark.parametrize("planted", [planted for planted in PLANTED if not planted.startswith("threads")])
def test_what_melts_into_a_row_is_said_below_the_table(tmp_path, planted):
    write_sweep(tmp_path, planted=PLANTED[planted], in_runs=GROUP[:2])
    (note,) = json.loads(compare(tmp_path, "--json").stdout)["rows"][1]["notes"]
    assert note.partition(":")[0] == planted.partition(" (")[0]
    assert "in 2 runs" in note
    assert note in compare(tmp_path).stdout


def test_weights_that_the_test_set_chose(tmp_path):
    write_sweep(tmp_path, in_runs=GROUP, results={"selected_on": "test"})
    (one,) = verdicts(tmp_path, *AGAINST)["comparisons"]
    assert one["verdict"] == "confounded"
    assert one["confounders"] == ["selected on test: the tested weights were chosen by the test set in 0.01-0 +4"]
    (loss,) = verdicts(tmp_path, *AGAINST, "--metric", "train/loss")["comparisons"]
    assert loss["confounders"] == []


def test_jobs_side_by_side_matter_for_speed_alone(tmp_path):
    write_sweep(tmp_path, planted={"sweep": {"folder": "s", "n_jobs": 1}}, in_runs=GROUP)
    (one,) = verdicts(tmp_path, *AGAINST)["comparisons"]
    assert (one["verdict"], one["confounders"]) == ("better", [])
    (speed,) = verdicts(tmp_path, *AGAINST, "--metric", "examples_per_second")["comparisons"]
    assert speed["confounders"] == ["jobs side by side: 1 in 0.01-0 +4 and 2 in 0.001-0 +4"]


@pytest.mark.parametrize(
    ("name", "planted"),
    [
        ("packages", {"packages": {**MANIFEST["packages"], "pydantic": "2.15"}}),
        ("python", {"python": "3.12.1"}),
        ("platform", {"platform": "Linux-6.19"}),
    ],
)
def test_what_cannot_change_a_metric_is_said_and_spoils_nothing(tmp_path, name, planted):
    write_sweep(tmp_path, planted=planted, in_runs=GROUP)
    (one,) = verdicts(tmp_path, *AGAINST)["comparisons"]
    assert [sentence.partition(":")[0] for sentence in one["confounders"]] == [name]
    assert one["verdict"] == "better"


def test_what_follows_from_the_factor_is_none(tmp_path):
    """XLA is chosen by the model's operations, and other data have other fingerprints."""
    for model, jit in (("mlp", True), ("cnn", False)):
        for seed, accuracy in enumerate(ACCURACIES):
            manifest = {**MANIFEST, "jit_compile": jit}
            write_run(tmp_path / f"{model}{seed}", accuracy=accuracy, model=model, seed=seed, manifest=manifest)
    (one,) = verdicts(tmp_path, "--against", "model=mlp")["comparisons"]
    assert one["confounders"] == []


def test_a_resumed_run_has_no_warm_start(tmp_path):
    own = {"checkpoint": "0.01-0/checkpoints/ckpt-50", "weights_sha256": "dd44"}
    write_sweep(tmp_path, planted={"restored": own, "previous": [{**MANIFEST, "restored": None}]}, in_runs=GROUP[:1])
    (one,) = verdicts(tmp_path, *AGAINST)["comparisons"]
    assert (one["verdict"], one["confounders"]) == ("better", [])


def test_seeds_that_ran_again_and_came_out_otherwise(tmp_path):
    write_sweep(tmp_path)
    write_run(tmp_path / "again", accuracy=0.5, learning_rate=0.01, seed=2, manifest={**MANIFEST, "started": "9"})
    (one,) = verdicts(tmp_path, *AGAINST)["comparisons"]
    assert (one["n"], one["runs"]["n"], one["runs"]["reruns"]) == (5, 5, 1)
    assert one["confounders"] == ["determinism: seed 2 of 0.01-0 +5 gave other weights when it ran again"]
    assert one["verdict"] == "better"  # by the run that was started first
