"""From a sweep to a verdict, by the commands that are printed on the way."""

import json
import shlex
import subprocess
import sys

from tests.support.root import ROOT


def verdict(folder, cwd):
    command = [sys.executable, str(ROOT / "scripts" / "compare.py"), folder]
    asked = ["--against", "optimizer.learning_rate=0.001", "--json"]
    done = subprocess.run([*command, *asked], cwd=cwd, capture_output=True, text=True, check=True)
    document = json.loads(done.stdout)
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

    done = jobs.run(*line, "seed=choice(2)", question, cwd=tmp_path).check()
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
        ("optimizer.learning_rat", 0.001, rates, "question.factor=optimizer.learning_rat: is no key of any job"),
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
