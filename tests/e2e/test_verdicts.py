"""From a sweep to a verdict, by the commands that are printed on the way."""

import json
import shlex
import subprocess
import sys

import pytest

from tests.support.jobs import results
from tests.support.root import ROOT


def asked(folder, *arguments, cwd):
    command = [sys.executable, str(ROOT / "scripts" / "compare.py"), folder, *arguments, "--json"]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def verdict(folder, cwd):
    document = asked(folder, "--against", "optimizer.learning_rate=0.001", cwd=cwd)
    return document, document["comparisons"][0]


def test_the_seeds_that_are_missing_join_the_sweep(jobs, small_mnist, tmp_path):
    given = ["data.source=idx", f"data.dir={small_mnist}", "train.steps=10", "summary.images=false"]
    rates = "optimizer.learning_rate=0.001,0.01"
    jobs.run("-m", *given, rates, "hydra.sweep.dir=outputs/rates", cwd=tmp_path).check()
    document, one = verdict("outputs/rates", tmp_path)
    assert (one["verdict"], one["n"], one["confounders"]) == ("undecided", 1, [])
    words = shlex.split(one["next_command"])
    assert words[-2:] == ["seed=1,2", "hydra.sweep.dir=outputs/rates"]
    jobs.run(*words[words.index("-m") :], cwd=tmp_path).check()
    ledger = json.loads((tmp_path / "outputs" / "rates" / "sweep.json").read_text())
    assert [job["status"] for job in ledger["jobs"]] == ["completed"] * 6
    document, one = verdict("outputs/rates", tmp_path)
    assert (one["n"], one["method"], one["confounders"], document["looks"]) == (3, "paired t", [], 2)
    assert one["runs"]["n"] == one["baseline_runs"]["n"] == 3


def test_a_question_is_registered_before_the_first_run(jobs, small_mnist, tmp_path):
    given = ["data.source=idx", f"data.dir={small_mnist}", "train.steps=10", "summary.images=false"]
    question = "question={factor: optimizer.learning_rate, baseline: 0.001, seeds: 3}"
    line = ["-m", *given, "optimizer.learning_rate=0.001,0.01", "hydra.sweep.dir=s"]
    jobs.run(*line, "seed=0,1", question, cwd=tmp_path).check()
    ledger = json.loads((tmp_path / "s" / "sweep.json").read_text())
    manifests = [json.loads(path.read_text()) for path in (tmp_path / "s").glob("*/manifest.json")]
    assert {manifest["sweep"]["question_sha256"] for manifest in manifests} == {ledger["question_sha256"]}
    assert all("question" not in path.read_text() for path in (tmp_path / "s").glob("*/.hydra/config.yaml"))
    document, _ = verdict("s", tmp_path)
    assert document["registered"]["status"] == "early"

    for rate in (0.001, 0.01):  # jobs that could not answer it by themselves
        one_rate = [f"optimizer.learning_rate=choice({rate})" if "rate=" in word else word for word in line]
        done = jobs.run(*one_rate, "seed=choice(2)", question, cwd=tmp_path).check()
    assert f"sha256 {ledger['question_sha256']}" in done.output
    (answer,) = [text for text in done.output.splitlines() if text.startswith("answer:")]
    shown = subprocess.run(shlex.split(answer)[1:], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "registered: the question was written down" in shown.stdout
    document, one = verdict("s", tmp_path)
    assert (document["registered"]["status"], one["n"]) == ("registered", 3)

    other = jobs.run(*line, "seed=3", question.replace("seeds: 3", "seeds: 4"), cwd=tmp_path)
    assert (other.status, other.errors.partition(":")[0]) == (2, "hydra.sweep.dir=s")
    assert json.loads((tmp_path / "s" / "sweep.json").read_text())["question"]["seeds"] == 3


def test_questions_that_a_sweep_cannot_answer_are_refused(jobs, small_mnist, tmp_path):
    given = ["data.source=idx", f"data.dir={small_mnist}", "train.steps=10"]
    rates = "optimizer.learning_rate=0.001,0.01"
    for factor, baseline, more, said in (
        (
            "optimizer.learning_rat",
            0.001,
            rates,
            "question.factor=optimizer.learning_rat: is no key that runs are compared by; did you mean optimizer.le",
        ),
        ("optimizer.learning_rate", 0.1, rates, "question.baseline=0.1: must be one of several values that the jobs"),
        ("model", "mlp", rates, "question.baseline=mlp: must be one of several values"),
        ("seed", 0, "seed=0,1", "question.factor=seed: seeds are the samples of a comparison"),
        ("model", "mlp", "hydra/launcher=basic model=mlp,cnn", "question: is registered in sweep.json"),
    ):
        asked = f"question={{factor: {factor}, baseline: {baseline}, seeds: 2}}"
        folder = "basic" if "basic" in more else "s"  # Hydra's own launcher makes it before any job is asked
        refused = jobs.run("-m", *given, *more.split(), asked, f"hydra.sweep.dir={folder}", cwd=tmp_path)
        assert (refused.status, said in refused.errors) == (2, True), refused.errors
    single = jobs.run(*given, "question={factor: model, baseline: mlp, seeds: 2}", cwd=tmp_path)
    assert (single.status, single.errors.startswith("question: is what a sweep is to tell")) == (2, True)
    assert not (tmp_path / "s").exists()


def test_a_row_that_alone_lacks_seeds_joins_the_sweep(jobs, small_mnist, tmp_path):
    given = ["data.source=idx", f"data.dir={small_mnist}", "train.steps=10", "summary.images=false"]
    place = "hydra.sweep.dir=outputs/rates"
    for swept in (
        ["optimizer.learning_rate=0.001,0.01"],
        ["optimizer.learning_rate=choice(0.001)", "seed=1,2"],
    ):
        jobs.run("-m", *given, *swept, place, cwd=tmp_path).check()
    _, one = verdict("outputs/rates", tmp_path)
    assert (one["baseline_runs"]["n"], one["runs"]["n"]) == (3, 1)
    words = shlex.split(one["next_command"])
    assert words[-3:] == ["optimizer.learning_rate=choice(0.01)", "seed=1,2", place]
    done = jobs.run(*words[words.index("-m") :], cwd=tmp_path).check()
    assert "2 jobs;" in done.output
    ledger = json.loads((tmp_path / "outputs" / "rates" / "sweep.json").read_text())
    assert [job["status"] for job in ledger["jobs"]] == ["completed"] * 6
    _, one = verdict("outputs/rates", tmp_path)
    assert (one["n"], one["method"], one["confounders"], one["left_out"]) == (3, "paired t", [], [])


def test_what_a_search_is_expected_to_find(jobs, small_mnist, tmp_path):
    """The weights of the best validation are tested; the last validation of a run is of other weights."""
    given = ["data.source=idx", f"data.dir={small_mnist}", "data.validation=100", "summary.images=false"]
    given += ["train.steps=40", "train.validate_every=10", "checkpoint.best=validation/accuracy"]
    rates = "optimizer.learning_rate=0.0001,0.03,0.001"
    jobs.run("-m", *given, rates, "hydra.sweep.dir=outputs/rates", cwd=tmp_path).check()
    found = asked("outputs/rates", "--trials", cwd=tmp_path)["trials"]
    runs = [results(folder.parent) for folder in (tmp_path / "outputs" / "rates").glob("*/results.json")]
    validation, test = ([run[split][key] for run in runs] for split, key in (("best", "value"), ("test", "accuracy")))
    (group,) = found["groups"]
    assert (found["selected_on"], group["n"], found["notes"]) == ("validation/accuracy", 3, [])
    assert {(trial["selected"], trial["reported"]) for trial in group["trials"]} == {
        *zip(validation, test, strict=True)
    }
    assert group["expected"][0]["mean"] == pytest.approx(sum(test) / 3)
    best = [at_test for at_test, chosen_by in zip(test, validation, strict=True) if chosen_by == max(validation)]
    assert group["expected"][2]["mean"] == pytest.approx(sum(best) / len(best))
