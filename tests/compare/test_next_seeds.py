"""The command that trains what is missing for a verdict, if the runs are a sweep's."""

import json
import shlex

from tests.support.comparing import verdicts, write_run

FIXED = ["data.batch_size=50", "data.buffer_size=1"]


def write_sweep(folder, seeds, *, second_key=False):
    """A sweep over models, each with its seeds; its ledger names the jobs as the folders are named."""
    jobs = []
    for model, of_model in seeds.items():
        learning_rate = 0.01 if second_key and model == "cnn" else 0.001
        for seed in of_model:
            accuracy = (0.90, 0.92, 0.94, 0.93)[seed] + (0.015 - 0.005 * seed) * (model == "cnn")
            write_run(
                folder / f"{model}_seed-{seed}",
                accuracy=accuracy,
                **{"model": model, "seed": seed, "learning_rate": learning_rate},
            )
            overrides = [f"model={model}", f"optimizer.learning_rate={learning_rate}", f"seed={seed}"]
            jobs.append({"name": f"{model}_seed-{seed}", "overrides": overrides})
    (folder / "sweep.json").write_text(json.dumps({"fixed": FIXED, "jobs": jobs}))


def commands(folder, *more):
    (one,) = verdicts(folder, "--against", "model=mlp", *more)["comparisons"]
    assert one["verdict"] == "undecided"
    return [shlex.split(command)[2:] for command in one["next_command"].split(" && ")]


def test_both_rows_in_one_command(tmp_path):
    write_sweep(tmp_path, {"mlp": [0], "cnn": [0]})
    assert commands(tmp_path) == [
        ["-m", *FIXED, "model=mlp,cnn", "optimizer.learning_rate=choice(0.001)", "seed=1,2", sweep(tmp_path)]
    ]


def test_one_row_alone_lacks_seeds(tmp_path):
    write_sweep(tmp_path, {"mlp": [0, 1, 2], "cnn": [0]})
    assert commands(tmp_path) == [
        ["-m", *FIXED, "model=choice(cnn)", "optimizer.learning_rate=choice(0.001)", "seed=1,2", sweep(tmp_path)]
    ]


def test_each_row_lacks_seeds_of_its_own(tmp_path):
    write_sweep(tmp_path, {"mlp": [0, 1], "cnn": [0]})
    rate = "optimizer.learning_rate=choice(0.001)"
    assert commands(tmp_path) == [
        ["-m", *FIXED, "model=choice(mlp)", rate, "seed=choice(2)", sweep(tmp_path)],
        ["-m", *FIXED, "model=choice(cnn)", rate, "seed=1,2", sweep(tmp_path)],
    ]


def test_rows_that_differ_in_two_keys_have_a_command_each(tmp_path):
    """All combinations of two keys would be more than the two that are asked for."""
    write_sweep(tmp_path, {"mlp": [0], "cnn": [0]}, second_key=True)
    assert commands(tmp_path, "--against", "optimizer.learning_rate=0.001") == [
        ["-m", *FIXED, "model=choice(mlp)", "optimizer.learning_rate=choice(0.001)", "seed=1,2", sweep(tmp_path)],
        ["-m", *FIXED, "model=choice(cnn)", "optimizer.learning_rate=choice(0.01)", "seed=1,2", sweep(tmp_path)],
    ]


def sweep(folder):
    return f"hydra.sweep.dir={folder}"


def test_runs_apart_from_a_sweep_are_not_asked_its_question(tmp_path):
    question = "question={factor: model, baseline: mlp, seeds: 3}"
    for folder in ("a", "b"):
        write_sweep(tmp_path / folder, {"mlp": [0, 1], "cnn": [0, 1]} if folder == "a" else {"mlp": [2], "cnn": [2]})
        for run in (tmp_path / folder).glob("*_seed-*"):
            manifest = json.loads((run / "manifest.json").read_text())
            (run / "manifest.json").write_text(json.dumps({**manifest, "sweep": {"question_sha256": "1"}}))
            with (run / ".hydra" / "overrides.yaml").open("a") as file:
                file.write(f"- '{question}'\n")
    (words,) = commands(tmp_path)
    assert "question=null" in words
    assert not any("factor" in word for word in words)
