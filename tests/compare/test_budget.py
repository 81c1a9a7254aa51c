"""Comparing at an equal budget, from curves as runs leave them."""

import json
import os

import pytest

from exp.run_folder.event_times import seconds_at_steps
from tests.support.comparing import compare, verdicts, write_run

AGAINST = ("--against", "model=mlp")


def write_curve(folder, points):
    lines = [json.dumps({"step": step, "loss": loss, **more}) + "\n" for step, loss, more in points]
    (folder / "metrics.jsonl").write_text("".join(lines))


@pytest.fixture
def sweep(tmp_path):
    """The cnn has batches that are twice as large; its curve falls faster by the step."""
    for seed in range(3):
        for model, batch_size, pace in (("mlp", 50, 1.0), ("cnn", 100, 2.0)):
            folder = tmp_path / f"{model}{seed}"
            write_run(folder, accuracy=0.9, model=model, seed=seed, batch_size=batch_size)
            noise = 1 + seed / (100 if model == "mlp" else 90)
            points = []
            for step in range(10, 210, 10):
                accuracy = {"validation/accuracy": step / 1000 * noise} if step % 50 == 0 else {}
                points.append((step, noise * 100 / (pace * step), accuracy))
            points[-1][2]["test/accuracy"] = 0.9
            write_curve(folder, points)
    return tmp_path


@pytest.mark.parametrize(
    ("at", "mlp", "cnn"),
    [("step=100", 1.0, 0.5), ("step=105", 1.0, 0.5), ("examples=10000", 0.5, 0.5), ("examples=5000", 1.0, 1.0)],
)
def test_as_many_steps_or_examples(sweep, at, mlp, cnn):
    (one,) = verdicts(sweep, *AGAINST, "--at", at, "--metric", "train/loss", "--accept", "data.batch_size")[
        "comparisons"
    ]
    assert one["baseline_runs"]["mean"] == pytest.approx(mlp * 1.01)
    assert one["runs"]["mean"] == pytest.approx(cnn * (1 + 1 / 90))
    assert (one["n"], one["runs"]["failed"]) == (3, 0)


def test_the_metric_of_a_budget_is_one_to_choose_by(sweep):
    document = verdicts(sweep, *AGAINST, "--at", "step=120")
    assert (document["metric"], document["at"]) == ("validation/accuracy", "step=120")
    assert document["comparisons"][0]["baseline_runs"]["mean"] == pytest.approx(0.1 * 1.01)
    refused = compare(sweep, *AGAINST, "--at", "step=200", "--metric", "test/accuracy")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == ("--metric test/accuracy: is not known at step=200; validation/accuracy, train/loss are\n")


def test_runs_that_ended_before_are_short(sweep):
    for seed in (0, 1):
        path = sweep / f"cnn{seed}" / "metrics.jsonl"
        path.write_text("".join(path.read_text().splitlines(keepends=True)[:9]))
    (one,) = verdicts(sweep, *AGAINST, "--at", "step=100")["comparisons"]
    assert (one["runs"]["n"], one["runs"]["failed"], one["verdict"]) == (1, 2, "undecided")
    assert "1 (2 short)" in compare(sweep, "--at", "step=100").stdout


@pytest.mark.parametrize(("last", "n"), [(90, 0), (100, 0), (110, 3)])
def test_a_run_that_diverged_within_the_budget_is_lost(sweep, last, n):
    """Also if it was run again, and completed then; one that diverged later is none."""
    for seed in range(3):
        folder = sweep / f"cnn{seed}"
        points = [(step, 1.0 if step < last else None, {}) for step in range(10, last + 1, 10)]
        write_curve(folder, points)
        results = json.loads((folder / "results.json").read_text())
        (folder / "results.json").write_text(json.dumps({**results, "status": "diverged"}))
        again = sweep / f"again{seed}"
        write_run(again, accuracy=0.9, model="cnn", seed=seed, batch_size=100, manifest={"started": "9"})
        write_curve(again, [(step, 1.0, {}) for step in range(10, 210, 10)])
    given = ("--at", "step=100", "--metric", "train/loss", "--accept", "data.batch_size")
    (one,) = verdicts(sweep, *AGAINST, *given)["comparisons"]
    assert (one["runs"]["n"], one["runs"]["failed"], one["runs"]["reruns"]) == (n, 3 - n, 3)


def test_figures_of_other_amounts_are_named(sweep):
    given = ("--at", "examples=1500", "--metric", "train/loss", "--accept", "data.batch_size")
    (one,) = verdicts(sweep, *AGAINST, *given)["comparisons"]
    assert one["confounders"][0].startswith(
        "budget: the last figures within examples=1500 are of examples 1000 in cnn0"
    )
    assert one["verdict"] == "confounded"
    (row, *_) = json.loads(compare(sweep, "--at", "step=35", "--json").stdout)["rows"]
    assert row["results"]["step"] == 30


def test_seconds_depend_on_the_machine(jobs, small_mnist, tmp_path):
    given = ["data.source=idx", f"data.dir={small_mnist}", "exec=eager", "summary.images=false", "train.steps=80"]
    for rate in (0.001, 0.01):
        for seed in (0, 1):
            place = f"hydra.run.dir=r/{rate}-{seed}"
            jobs.run(*given, f"optimizer.learning_rate={rate}", f"seed={seed}", place, cwd=tmp_path).check()
            path = tmp_path / "r" / f"{rate}-{seed}" / "manifest.json"
            manifest = json.loads(path.read_text())
            path.write_text(json.dumps({**manifest, "sweep": {"folder": "r", "n_jobs": int(rate * 1000)}}))
    asked = ("--against", "optimizer.learning_rate=0.001", "--metric", "train/loss")
    (ended,) = verdicts(tmp_path / "r", *asked)["comparisons"]
    assert ended["confounders"] == []
    first = max(dict(seconds_at_steps(folder))[10] for folder in (tmp_path / "r").glob("*-*"))
    (timed,) = verdicts(tmp_path / "r", *asked, "--at", f"seconds={first}")["comparisons"]
    assert [sentence.partition(":")[0] for sentence in timed["confounders"]][-1] == "jobs side by side"


def test_what_became_of_a_run_later_does_not_matter(sweep):
    for seed in range(3):
        (sweep / f"cnn{seed}" / "results.json").unlink()
    (one,) = verdicts(sweep, *AGAINST, "--at", "step=100")["comparisons"]
    assert (one["runs"]["n"], one["runs"]["failed"]) == (3, 0)


@pytest.mark.parametrize(
    ("at", "message"),
    [
        ("100", "--at 100: must be step=N, examples=N or seconds=N"),
        ("step=-1", "--at step=-1: must be"),
        ("steps=5", "--at steps=5: must be"),
        ("step=nan", "--at step=nan: must be"),
        ("step=5", "--at step=5: no run had logged a figure by then"),
        ("step=201", "--at step=201: no run went on for so long"),
        ("seconds=1", "--at seconds=1: no run went on for so long"),
    ],
)
def test_mistakes_are_named(sweep, at, message):
    done = compare(sweep, "--at", at)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


def test_seconds_of_training(jobs, small_mnist, tmp_path):
    """As TensorBoard reads them; also of a run that was resumed, and of a file that a killed process left."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    given = ["data.source=idx", f"data.dir={small_mnist}", "exec=eager", "summary.images=false"]
    jobs.run(*given, "train.steps=30", "hydra.run.dir=run", cwd=tmp_path).check()
    jobs.run("resume=run", "train.steps=50", cwd=tmp_path).check()
    files = sorted((tmp_path / "run").glob("events.out.tfevents.*"))
    assert len(files) == 2
    events = [list(EventFileLoader(str(path)).Load()) for path in files]
    spans = [[event.wall_time - of_file[0].wall_time for event in of_file if event.step] for of_file in events]
    found = dict(seconds_at_steps(tmp_path / "run"))
    assert sorted(found) == [10, 20, 30, 40, 50]
    assert found[10] == pytest.approx(spans[0][0])
    assert found[30] < found[40] < found[50] <= max(spans[0]) + max(spans[1])
    middle = (found[20] + found[30]) / 2
    (row,) = json.loads(compare(tmp_path / "run", "--at", f"seconds={middle}", "--json").stdout)["rows"]
    assert (row["results"]["status"], row["results"]["step"]) == ("completed", 20)
    os.truncate(files[1], files[1].stat().st_size - 3)
    assert dict(seconds_at_steps(tmp_path / "run")).keys() <= found.keys()
