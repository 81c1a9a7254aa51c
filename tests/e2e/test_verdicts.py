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
