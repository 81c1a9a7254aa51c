"""Questions that were written down before the first run: what counts as one, and what does not."""

import json

import pytest

from exp.config.question import parse_question
from exp.errors import UserError
from tests.support.comparing import BEGAN, QUESTION, compare, verdicts, write_run
from tests.support.comparing import write_registered as write_sweep


def standing(*arguments):
    return verdicts(*arguments)["registered"]


def test_what_was_registered_is_asked_and_said(tmp_path):
    found = standing(write_sweep(tmp_path), "--registered")
    assert found["status"] == "registered"
    assert found["question"]["sha256"] == parse_question(QUESTION).sha256
    assert found["sentence"] == (
        "registered: the question was written down 2026-01-02T03:04:05, before the first run "
        f"(sha256 {found['question']['sha256'][:10]})"
    )
    assert standing(tmp_path, "--against", "data.batch_size=50")["status"] == "registered"
    assert found["sentence"] in compare(tmp_path, "--registered").stdout


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (["--metric", "test/loss"], "metric is test/loss, and was test/accuracy"),
        (["--margin", "0.01"], "margin is 0.01, and was none"),
        (["--goal", "min"], "goal is min, and was max"),
        (["--where", "seed=1"], "only runs with seed=1 are looked at"),
        (["--accept", "threads"], "threads was accepted afterwards"),
        (["--at", "step=50", "--metric", "train/loss"], "it is asked at step=50"),
    ],
)
def test_another_question_is_post_hoc(tmp_path, asked, why):
    found = standing(write_sweep(tmp_path), "--against", "data.batch_size=50", *asked)
    assert found["status"] == "post hoc"
    assert why in found["sentence"]
    other = standing(tmp_path, "--against", "data.batch_size=100")
    assert "against is data.batch_size=100, and was data.batch_size=50" in other["sentence"]


def test_fewer_seeds_are_early_and_more_are_post_hoc(tmp_path):
    early = standing(write_sweep(tmp_path / "few", seeds=2), "--registered")
    assert (early["status"], early["sentence"][-31:]) == ("early", "answered by 2 of 3 seeds so far")
    late = standing(write_sweep(tmp_path / "many", seeds=4), "--registered")
    assert (late["status"], late["sentence"]) == ("post hoc", "post hoc: 3 seeds were registered, and there are 4")


def test_failures_are_seeds_that_were_run(tmp_path):
    write_sweep(tmp_path, seeds=2)
    digest = parse_question(QUESTION).sha256
    ledger = json.loads((tmp_path / "sweep.json").read_text())
    ledger["jobs"] += [{"name": f"b{size}-2", "status": "diverged"} for size in (50, 100)]
    (tmp_path / "sweep.json").write_text(json.dumps(ledger))
    facts = {"sweep": {"question_sha256": digest}, "started": BEGAN}
    for size in (50, 100):
        write_run(tmp_path / f"b{size}-2", accuracy=0.0, batch_size=size, seed=2, status="diverged", manifest=facts)
    assert standing(tmp_path, "--registered")["status"] == "registered"


def test_a_question_that_was_changed_afterwards_is_found_out(tmp_path):
    changed = write_sweep(tmp_path, question={**QUESTION, "metric": "test/loss"})
    refused = compare(changed, "--registered")
    assert refused.returncode == 2
    told = "sweep.json has another question than the runs were made for, or none"
    assert refused.stderr == f"--registered: {told}\n"
    assert standing(changed, "--against", "data.batch_size=50")["sentence"] == f"post hoc: {told}"
    assert f"post hoc: {told}" in compare(changed, "--against", "data.batch_size=50").stdout


def test_a_part_of_the_sweep_is_post_hoc_or_early(tmp_path):
    write_sweep(tmp_path, seeds=4)
    chosen = [tmp_path / f"b{size}-{seed}" for size in (50, 100) for seed in (0, 1, 3)]
    found = standing(*chosen, "--registered")
    assert found["sentence"] == "post hoc: 2 jobs of the sweep had ended, and were left out"
    ledger = json.loads((tmp_path / "sweep.json").read_text())
    for job in ledger["jobs"]:
        job["status"] = "running" if job["name"].endswith("-2") else "completed"
    (tmp_path / "sweep.json").write_text(json.dumps(ledger))
    assert standing(*chosen, "--registered")["sentence"].endswith(
        "3 of 3 seeds so far, and 2 jobs of the sweep have not ended"
    )


def test_runs_that_still_go_are_not_there_yet(tmp_path):
    write_sweep(tmp_path)
    for size in (50, 100):
        (tmp_path / f"b{size}-2" / "results.json").unlink()
    assert standing(tmp_path, "--registered")["status"] == "early"


def test_sweeps_with_two_questions_are_no_forgery(tmp_path):
    write_sweep(tmp_path / "a")
    write_sweep(tmp_path / "b", question={**QUESTION, "seeds": 4}, of_runs={**QUESTION, "seeds": 4})
    refused = compare(tmp_path, "--registered")
    assert refused.stderr == "--registered: the runs were made for 2 questions; compare the runs of one of them\n"
    assert standing(tmp_path / "a", "--registered")["status"] == "registered"


def test_a_run_that_was_gone_on_with_keeps_its_question(tmp_path):
    write_sweep(tmp_path)
    path = tmp_path / "b50-0" / "manifest.json"
    first = json.loads(path.read_text())
    path.write_text(json.dumps({**first, "sweep": None, "started": "2026-02-01T00:00:00+00:00", "previous": [first]}))
    assert standing(tmp_path, "--registered")["status"] == "registered"


@pytest.mark.parametrize("option", ["--metric=test/loss", "--margin=1", "--at=step=50", "--accept=threads", "--trials"])
def test_what_would_ask_something_else_does_not_go_with_it(tmp_path, option):
    refused = compare(write_sweep(tmp_path), "--registered", option)
    assert (refused.returncode, refused.stderr.startswith(option.partition("=")[0])) == (2, True)


def test_a_sentence_names_no_folder(tmp_path, monkeypatch):
    write_sweep(tmp_path, of_runs={**QUESTION, "seeds": 9})
    assert str(tmp_path) not in standing(tmp_path, "--against", "data.batch_size=50")["sentence"]


@pytest.mark.parametrize(
    "case", ["began before", "no time", "a run of elsewhere", "no ledger", "a run that the sweep does not know"]
)
def test_what_was_not_made_for_a_question_has_none(tmp_path, case):
    began = {"began before": "2026-01-02T03:04:04+00:00", "no time": "soon"}.get(case, BEGAN)
    write_sweep(tmp_path, began=began)
    if case == "a run of elsewhere":
        write_run(tmp_path / "other", accuracy=0.9, seed=9)
    if case == "no ledger":
        (tmp_path / "sweep.json").unlink()
    if case == "a run that the sweep does not know":
        (tmp_path / "b50-0").rename(tmp_path / "better")
    refused = compare(tmp_path, "--registered")
    assert (refused.returncode, refused.stderr.partition(":")[0]) == (2, "--registered")
    assert standing(tmp_path, "--against", "data.batch_size=50")["status"] == "post hoc"


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (3, "question=3: must be null or have"),
        ({**QUESTION, "seeds": 1}, "question.seeds=1: must be the number of seeds of each configuration, at least 2"),
        ({**QUESTION, "factor": "a b"}, "question.factor=a b: must be a configuration key"),
        ({**QUESTION, "margin": 0}, "question.margin=0: must be a difference above 0"),
        ({**QUESTION, "goal": "up"}, "question.goal=up: must be min, max, or null"),
        ({**QUESTION, "metrik": "a"}, "question.metrik: is no such key"),
        ({"factor": "model", "seeds": 3}, "question.baseline: is missing"),
    ],
)
def test_a_wrong_question_is_refused_by_its_key(node, message):
    with pytest.raises(UserError) as refused:
        parse_question(node)
    assert str(refused.value).startswith(message)


def test_a_question_is_the_same_however_its_values_are_written():
    assert parse_question({**QUESTION, "baseline": "50"}).sha256 == parse_question(QUESTION).sha256
    assert parse_question(parse_question(QUESTION).plain()) == parse_question(QUESTION)
