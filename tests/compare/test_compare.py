"""Comparing runs, from folders as runs leave them."""

import csv
import io
import json
import subprocess
from pathlib import Path

import pytest

from tests.support.comparing import compare, write_run


def read_csv(done: subprocess.CompletedProcess[str]) -> list[dict[str, str]]:
    assert done.returncode == 0, done.stderr
    return list(csv.DictReader(io.StringIO(done.stdout)))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A sweep over two keys, two repeated seeds of one of its runs, another model, and a run that was killed."""
    folder = tmp_path_factory.mktemp("outputs")
    for number, (buffer_size, batch_size) in enumerate([(1, 32), (1, 128), (1000, 32), (1000, 128)]):
        write_run(
            folder / "sweep" / str(number), accuracy=0.9 + number / 100, buffer_size=buffer_size, batch_size=batch_size
        )
    for seed in (1, 2):
        facts = {"git": {"commit": "abc", "dirty": seed == 1}}
        write_run(
            folder / f"seed{seed}",
            accuracy=0.9 + seed / 10 - 0.1,
            buffer_size=1,
            batch_size=32,
            seed=seed,
            manifest=facts,
        )
    write_run(folder / "cnn", accuracy=0.99, model="cnn")
    write_run(folder / "killed", accuracy=None, model="cnn", batch_size=51)
    return folder


def test_rows_show_what_differs_and_repeated_seeds_are_one(runs):
    rows = read_csv(compare(runs, "--csv", "--sort", "test/accuracy"))
    assert [Path(row["run"]).name for row in rows] == ["seed1", "cnn", "3", "2", "1", "killed"]
    assert set(rows[0]) >= {"model", "data.batch_size", "data.buffer_size", "test/accuracy", "status"}
    assert not {"seed", "exec", "optimizer.learning_rate"} & set(rows[0])
    assert [(row["n"], row["failed"], row["reruns"]) for row in rows[:2]] == [("3", "0", "0"), ("1", "0", "0")]
    accuracies = [float(row["test/accuracy"]) for row in rows[1:] if row["test/accuracy"]]
    assert accuracies == sorted(accuracies, reverse=True)
    assert rows[-1]["status"] == "unfinished"
    (repeated,) = [row for row in rows if row["data.buffer_size"] == "1" and row["data.batch_size"] == "32"]
    assert float(repeated["test/accuracy"]) == pytest.approx((0.9 + 0.9 + 1.0) / 3)
    assert float(repeated["test/accuracy std"]) == pytest.approx(0.0577350)
    assert (rows[1]["test/accuracy std"], rows[-1]["n"], rows[-1]["failed"]) == ("", "0", "1")


def test_tables_for_people(runs):
    table = compare(runs)
    assert (table.returncode, table.stderr) == (0, "")
    assert "93.33% ± 5.77%" in table.stdout
    assert "seed1 +2" in table.stdout
    assert "! has seeds that failed, or fewer seeds than others: ranked after them" in table.stdout
    markdown = compare(runs, "--markdown", "--each", "--where", "model=mlp")
    assert markdown.stdout.splitlines()[0].startswith(
        "| run | seed | data.batch_size | data.buffer_size | n | status |"
    )
    assert len(markdown.stdout.splitlines()) == 2 + 6


def test_conditions(runs):
    rows = read_csv(compare(runs, "--csv", "--where", "model=cnn", "--where", "status=completed"))
    assert [Path(row["run"]).name for row in rows] == ["cnn"]


def test_a_picture(runs, tmp_path):
    from PIL import Image

    sizes = []
    for name, place in (("both.png", runs / "sweep"), ("curves.png", runs)):
        done = compare(place, "--plot", tmp_path / name)
        assert done.returncode == 0, done.stderr
        with Image.open(tmp_path / name) as picture:
            sizes.append(picture.size)
    assert sizes[0][0] > 1.5 * sizes[1][0]  # with a heat map beside the curves


def test_a_curve_is_the_mean_of_its_seeds(tmp_path):
    from exp.compare.plot import _losses
    from exp.compare.rows import Row
    from exp.compare.runs import find_runs

    for seed, status in enumerate(("completed", "completed", "diverged")):
        write_run(tmp_path / str(seed), accuracy=0.9, seed=seed, status=status)
        rows = [{"step": step, "loss": seed + 1.0} for step in range(10, 60 + 10 * seed, 10)]
        (tmp_path / str(seed) / "metrics.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    steps, losses = _losses(Row(find_runs([tmp_path])[0]))
    assert steps.tolist() == [10, 20, 30, 40, 50]
    assert losses.mean(axis=0).tolist() == [1.5] * 5


def test_a_difference_is_told_in_full(runs):
    done = compare("--diff", runs / "sweep" / "0", runs / "seed1")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert "  seed: 0 | 1" in lines
    assert "  git.dirty: False | True" in lines
    assert "  weights_sha256: 0 | seed1" in lines
    assert not any("started" in line for line in lines)
    same = compare("--diff", runs / "cnn", runs / "cnn").stdout
    assert same == "config: the same\nmanifest: the same\nresults: the same\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "DIR: which folders?"),
        (["absent"], "absent: is not a folder"),
        (["{runs}/cnn/.hydra"], "there is no run in it"),
        (["{runs}", "--where", "model"], "--where model: must be KEY=VALUE"),
        (["{runs}", "--where", "model=nn"], "--where model=nn: no run fits; model is cnn, mlp"),
        (["{runs}", "--sort", "test/acuracy"], "did you mean test/accuracy?"),
        (["--diff", "{runs}", "{runs}/cnn"], "is not the folder of a run"),
    ],
)
def test_mistakes_are_named(runs, arguments, message):
    done = compare(*(argument.format(runs=runs) for argument in arguments))
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_real_runs(jobs, small_mnist, tmp_path):
    options = ["data.source=idx", f"data.dir={small_mnist}", "train.steps=10"]
    for model in ("mlp", "cnn"):
        jobs.run(f"model={model}", *options, f"hydra.run.dir=outputs/{model}", cwd=tmp_path).check()
    rows = read_csv(compare(tmp_path / "outputs", "--csv"))
    assert [(row["model"], row["status"], row["step"]) for row in rows] == [
        ("cnn", "completed", "10"),
        ("mlp", "completed", "10"),
    ]
    results = json.loads((tmp_path / "outputs" / "mlp" / "results.json").read_text())
    assert float(rows[1]["test/accuracy"]) == results["test"]["accuracy"]


def test_runs_with_other_threads_are_other_runs(tmp_path):
    """Their last bits differ, though their configurations say `null` alike."""
    for seed, threads in ((1, 1), (2, 1), (3, 2)):
        write_run(tmp_path / str(seed), accuracy=0.9, seed=seed)
        manifest = json.loads((tmp_path / str(seed) / "manifest.json").read_text())
        (tmp_path / str(seed) / "manifest.json").write_text(json.dumps({**manifest, "devices": {"threads": threads}}))
    rows = read_csv(compare(tmp_path, "--csv"))
    assert [(row["device.threads"], Path(row["run"]).name) for row in rows] == [("1", "1"), ("2", "3")]
