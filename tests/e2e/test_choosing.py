"""A run is chosen by its validation split, and tested once: what is kept, stopped, tested, counted and refused."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from tests.support.jobs import losses, metrics, results

VALIDATED = ["data.validation=0.25", "train.validate_every=20", "summary.every=1", "checkpoint.every=30"]


@pytest.fixture(scope="module")
def data(small_mnist: Path) -> list[str]:
    return ["data.source=idx", f"data.dir={small_mnist}"]


def readings(folder: Path) -> list[tuple[str, int]]:
    """By what the test set was read, and of which step."""
    lines = (folder / "test_readings.jsonl").read_text().splitlines()
    return [(line["by"], line["step"]) for line in map(json.loads, lines)]


@pytest.fixture
def best(runs, data) -> Path:
    """150 steps at a rate that soon is too large, so that the best step is not the last one."""
    return runs.get(
        "best", *data, *VALIDATED, "train.steps=150", "checkpoint.best=validation/loss", "optimizer.learning_rate=0.05"
    )


def test_the_best_step_is_kept_and_tested(runs, best):
    found = results(best)
    validated = {row["step"]: row["validation/loss"] for row in metrics(best) if "validation/loss" in row}
    assert sorted(validated) == [20, 40, 60, 80, 100, 120, 140, 150]
    step = min(validated, key=validated.get)
    assert step < 150
    assert found["best"] == {
        "metric": "validation/loss",
        "value": validated[step],
        "step": step,
        "checkpoint": found["best"]["checkpoint"],
    }
    assert found["best"]["checkpoint"].endswith(f"best/checkpoints/ckpt-{step}")
    assert found["validation"] == {
        "loss": validated[150],
        "accuracy": metrics(best)[-1]["validation/accuracy"],
        "examples": 1000,
        "step": 150,
    }
    assert (found["tested"], found["selected_on"], found["stopped"]) == ("best", "validation", None)
    assert readings(best) == [("closing test", step)]
    test = runs.get("test of best", "mode=test", f"run={best}", "checkpoint.restore=best")
    assert results(test)["test"] == found["test"]
    assert (results(test)["tested"], results(test)["selected_on"]) == ("best", "validation")
    newest = runs.get("test of newest", "mode=test", f"run={best}")
    assert results(newest)["test"]["loss"] != found["test"]["loss"]
    assert results(newest)["weights_sha256"] == found["weights_sha256"]
    assert readings(best) == [("closing test", step), ("mode=test", step), ("mode=test", 150)]
    assert results(newest)["test_readings"] == 3


def test_the_manifest_and_the_checkpoints_know_what_was_set_apart(best):
    data = json.loads((best / "manifest.json").read_text())["data"]
    assert data["examples"] == {"train": 3000, "validation": 1000, "test": 1003}
    record = json.loads(next((best / "checkpoints").glob("ckpt-150.json")).read_text())
    assert record["set_apart"] == data["set_apart"]
    assert len(data["set_apart"]) == 64


def test_a_run_cannot_go_on_with_other_examples_set_apart(jobs, data, tmp_path):
    options = [*data, *VALIDATED, "train.steps=60"]
    jobs.run(*options, "hydra.run.dir=run", cwd=tmp_path).check()
    (tmp_path / "run" / "results.json").unlink()
    for name in ("config.yaml",):
        path = tmp_path / "run" / ".hydra" / name
        path.write_text(path.read_text().replace("split_seed: 0", "split_seed: 1"))
    manifest = tmp_path / "run" / "manifest.json"
    facts = json.loads(manifest.read_text())
    del facts["config_hash"]
    manifest.write_text(json.dumps(facts))
    done = jobs.run("resume=run", cwd=tmp_path)
    assert done.status == 2
    assert (
        "data.validation: run/checkpoints/ckpt-60 was saved with other examples set apart for validation" in done.errors
    )


def test_patience_stops_a_run_which_says_so(jobs, data, tmp_path):
    options = [*data, *VALIDATED, "train.epochs=3", "train.patience=2", "train.min_delta=0.4"]
    done = jobs.run(*options, "hydra.run.dir=run", cwd=tmp_path).check()
    found = results(tmp_path / "run")
    validated = [(row["step"], row["validation/loss"]) for row in metrics(tmp_path / "run") if "validation/loss" in row]
    best, waits = math.inf, [0]
    for _, loss in validated:
        best, waited = (loss, 0) if loss < best - 0.4 else (best, waits[-1] + 1)
        waits.append(waited)
    assert waits[-1] == 2
    assert max(waits[:-1]) < 2
    step = validated[-1][0]
    assert (found["status"], found["stopped"], found["step"]) == ("completed", "patience", step)
    assert step < 180
    assert (found["tested"], found["selected_on"]) == ("last", "validation")
    assert len(losses(tmp_path / "run")) == step
    assert "stopped                   by train.patience" in done.output
    assert f"{results(tmp_path / 'run')['validation']['accuracy']:.2%}" in done.output
    again = jobs.run("resume=run", "train.epochs=5", cwd=tmp_path).check()
    assert "by train.patience" in again.output
    assert results(tmp_path / "run")["step"] == step


def test_the_test_set_is_read_by_name_only_and_then_it_is_said(jobs, data, tmp_path):
    options = [*data, "train.steps=40", "checkpoint.every=20", "checkpoint.best=test/accuracy"]
    done = jobs.run(*options, "hydra.run.dir=run", cwd=tmp_path).check()
    found = results(tmp_path / "run")
    assert (found["tested"], found["selected_on"]) == ("best", "test")
    assert readings(tmp_path / "run")[:2] == [("checkpoint", 20), ("checkpoint", 40)]
    assert found["test_readings"] == len(readings(tmp_path / "run"))
    assert "selected on the test set, so its figures are too good" in done.output
    jobs.run(*data, "train.steps=20", "hydra.run.dir=other", cwd=tmp_path).check()
    compared = jobs.run("run", "other", program="scripts/compare.py", cwd=tmp_path).check()
    assert compared.output.splitlines()[-1] == "selected on the test set, so that their test figures are too good: run"


@pytest.mark.parametrize("execution", ["function", pytest.param("session", marks=[pytest.mark.slow])])
def test_a_longer_run_is_the_one_that_would_have_been_asked_for(jobs, data, tmp_path, execution):
    """Its epoch ends within the periods of validation, of checkpoints, and of the log."""
    options = [*data, f"exec={execution}", "data.validation=0.1", "train.validate_every=50", "summary.every=7"]
    options += ["checkpoint.best=validation/accuracy", "train.ema=0.9", "checkpoint.every=40"]
    jobs.run(*options, "train.epochs=3", "hydra.run.dir=whole", cwd=tmp_path).check()
    jobs.run(*options, "hydra.run.dir=run", cwd=tmp_path).check()
    first = results(tmp_path / "run")
    assert first["step"] == 72
    jobs.run("resume=run", "train.epochs=3", cwd=tmp_path).check()
    found, expected = results(tmp_path / "run"), results(tmp_path / "whole")
    for name in ("status", "step", "train", "validation", "test", "tested", "weights_sha256"):
        assert found[name] == expected[name]
    assert found["best"]["step"] == expected["best"]["step"]
    rows = {row["step"]: row for row in metrics(tmp_path / "run")}
    assert rows.pop(72)["loss"] == pytest.approx(first["train"]["loss"], rel=1e-6)  # the last step of its time
    assert list(rows.values()) == [row for row in metrics(tmp_path / "whole") if row["step"] != 72]
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["previous"][-1]["results"]["step"] == 72
    assert "epochs: 3" in (tmp_path / "run" / ".hydra" / "config.yaml").read_text()
    done = jobs.run("resume=run", "train.epochs=2", cwd=tmp_path)
    assert (done.status, done.errors.strip()) == (
        2,
        "train.epochs=2: is 144 steps, and the run has done 216 already",
    )
    assert results(tmp_path / "run") == found


def test_only_the_length_of_a_run_can_be_another_one(jobs, data, tmp_path):
    jobs.run(*data, "train.steps=20", "schedule=cosine", "hydra.run.dir=run", cwd=tmp_path).check()
    for given, said in (
        (
            ["train.patience=3"],
            "leave out train.patience=3 (only a length can be given anew: train.epochs,",
        ),
        (["train.epochs=3"], "train.epochs=3: has no effect, because the run has train.steps=20; give train.steps=N"),
    ):
        done = jobs.run("resume=run", *given, cwd=tmp_path)
        assert done.status == 2
        assert said in done.errors
    same = jobs.run("resume=run", "train.steps=20", cwd=tmp_path).check()
    assert "this run is completed; nothing is left to do" in same.output
    longer = jobs.run("resume=run", "train.steps=30", cwd=tmp_path).check()
    assert "schedule=cosine: goes over the length of the run, which is 30 steps now: after step 20" in longer.output


def test_a_run_ends_in_good_order_when_its_time_is_up(jobs, data, tmp_path):
    done = jobs.run(
        *data,
        *("exec=eager", "train.epochs=100", "train.max_seconds=0.5", "data.validation=100", "hydra.run.dir=run"),
        cwd=tmp_path,
    ).check()
    found = results(tmp_path / "run")
    assert (found["status"], found["stopped"]) == ("completed", "max_seconds")
    assert 0 < found["step"] < 7800
    assert found["checkpoint"].endswith(f"ckpt-{found['step']}")
    assert found["validation"]["step"] == found["step"]
    assert "by train.max_seconds" in done.output
    step = found["step"]
    jobs.run("resume=run", "train.max_seconds=null", f"train.steps={step + 5}", cwd=tmp_path).check()
    assert (results(tmp_path / "run")["step"], results(tmp_path / "run")["stopped"]) == (step + 5, None)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["train.patience=3"], "train.patience=3: there is no validation split; data.validation=0.1 sets a tenth"),
        (["train.validate_every=10"], "train.validate_every=10: there is no validation split"),
        (["checkpoint.best=validation/loss"], "checkpoint.best=validation/loss: there is no validation split"),
        (
            ["data.validation=0.1", "train.min_delta=0.1"],
            "train.min_delta=0.1: goes with train.patience",
        ),
        (
            ["data.validation=0.1", "train.patience=1", "train.monitor=test/loss"],
            "train.monitor=test/loss: must be one of validation/accuracy, validation/loss",
        ),
        (
            ["data.validation=0.1", "train.monitor=validation/acc"],
            "train.monitor=validation/acc: must be one of validation/accuracy, validation/loss; did you mean",
        ),
        (["data.validation=1.5"], "data.validation=1.5: must be a number of training examples, a fraction of them"),
        (["data.validation=60000"], "data.validation=60000: would set 60000 of 60000 training examples apart"),
        (
            ["exec=fit", "train.ema=0.9"],
            "train.ema=0.9: exec=fit runs Keras's own step, which has averages",
        ),
        (
            ["exec=fit", "train.accumulate=2"],
            "train.accumulate=2: exec=fit runs Keras's own step, which takes",
        ),
        (["exec=fit", "device=virtual", "train.clip_norm=1.0"], "train.clip_norm=1.0: Keras clips the share of each"),
        (["train.accumulate=51"], "train.accumulate=51: is more than the 50 examples of a batch that there are"),
        (
            ["train.accumulate=26", "device=virtual"],
            "train.accumulate=26: is more than the 25 examples of a batch",
        ),
        (
            ["schedule=cosin"],
            "schedule=cosin: must be one of constant, cosine, linear, step; did you mean",
        ),
        (
            ["schedule.end=0.1"],
            "schedule.end=0.1: the choice made has no such key; schedule=cosine and",
        ),
        (
            ["schedule=cosine", "optimizer.learning_rate={_target_: keras.optimizers.schedules.CosineDecay}"],
            "schedule=cosine: needs optimizer.learning_rate as a number, and it is a schedule already",
        ),
        (["train.precision=bf16"], "train.precision=bf16: must be one of float32, mixed_bfloat16 or mixed_float16"),
        (["schedule.warmup=-1"], "schedule.warmup=-1: must be"),
        (["train.ema=1.0"], "train.ema=1.0: must be a number below 1"),
    ],
)
def test_what_cannot_be_is_refused(tried, given, said):
    done = tried.outcome(given)
    assert done["status"] == 2
    assert done["errors"].startswith(said)
    assert len(done["errors"].strip().splitlines()) == 1


@pytest.fixture(scope="module")
def too_fast(tmp_path_factory) -> list[str]:
    """A linear regression whose steps are too large: each makes the error larger, until float32 cannot hold it."""
    chance = np.random.default_rng(0)
    x = chance.normal(size=(400, 4)).astype(np.float32)
    y = (x @ chance.normal(size=(4, 1))).astype(np.float32)
    file = tmp_path_factory.mktemp("numbers") / "numbers.npz"
    np.savez(file, x_train=x, y_train=y, x_test=x[:100], y_test=y[:100])
    return [
        *("data=arrays", f"data.file={file}", "data.batch_size=400", "task=regression", "train.steps=80"),
        *("model._target_=tests.support.models.linear", "~model.hidden", "trusted_targets=[tests.]"),
        *("optimizer=sgd", "optimizer.learning_rate=3", "train.on_nan=rewind", "checkpoint.every=5", "summary.every=1"),
    ]


def test_a_run_that_diverges_goes_back_with_a_smaller_rate(jobs, too_fast, tmp_path):
    done = jobs.run(*too_fast, "train.rewind_factor=0.1", "hydra.run.dir=run", cwd=tmp_path).check()
    found = results(tmp_path / "run")
    (rewind,) = found["rewinds"]
    assert rewind["diverged_at"] - 6 <= rewind["back_to"] < rewind["diverged_at"] - 1
    assert f"back to step {rewind['back_to']}, with 0.1 of the learning rate (rewind 1 of at most 3)" in done.output
    rows = metrics(tmp_path / "run")
    assert [row["step"] for row in rows] == list(range(1, 81))
    rates = [row["train/learning_rate"] for row in rows]
    assert rates == pytest.approx([3.0] * rewind["back_to"] + [0.3] * (80 - rewind["back_to"]))
    assert found["train"]["loss"] < 1e-3


def test_a_rewound_run_that_is_killed_goes_on_to_the_same_end(jobs, too_fast, tmp_path):
    options = [*too_fast, "train.rewind_factor=0.1"]
    jobs.run(*options, "hydra.run.dir=whole", cwd=tmp_path).check()
    assert jobs.start_alone([*options, "hydra.run.dir=run"], tmp_path, die_at=50).wait() == -9
    jobs.run("resume=run", "trusted_targets=[tests.]", cwd=tmp_path).check()
    names = ("status", "step", "train", "test", "rewinds", "weights_sha256")
    found, expected = results(tmp_path / "run"), results(tmp_path / "whole")
    assert {name: found[name] for name in names} == {name: expected[name] for name in names}
    assert metrics(tmp_path / "run") == metrics(tmp_path / "whole")


def test_a_run_that_goes_on_diverging_goes_further_back_and_then_ends(jobs, too_fast, tmp_path):
    options = [*too_fast, "train.rewind_factor=0.99", "train.rewinds=2", "hydra.run.dir=run"]
    done = jobs.run(*options, cwd=tmp_path)
    assert done.status == 1
    found = results(tmp_path / "run")
    assert found["status"] == "diverged"
    first, second = found["rewinds"]
    assert second["back_to"] == first["back_to"] - 5
    passed_over = [path.name for path in (tmp_path / "run" / "checkpoints" / "passed-over").iterdir()]
    assert any(name.startswith(f"ckpt-{first['back_to']}-") for name in passed_over)


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_ends_where_float32_does(jobs, data, runs, precision):
    """Weights and losses are float32; a test is the same in the mode that trained and afterwards."""
    options = [*data, "train.epochs=4", "optimizer.learning_rate=0.002"]
    full = runs.get("float32", *options)
    half = runs.get(precision, *options, f"train.precision={precision}")
    assert results(half)["test"]["accuracy"] == pytest.approx(results(full)["test"]["accuracy"], abs=0.01)
    assert results(half)["weights_sha256"] != results(full)["weights_sha256"]
    record = json.loads(next((half / "checkpoints").glob("ckpt-320.json")).read_text())
    assert {one["dtype"] for one in record["variables"] if one["path"].startswith("model")} == {"float32"}
    test = runs.get(f"test {precision}", "mode=test", f"run={half}")
    assert results(test)["test"] == results(half)["test"]


@pytest.mark.parametrize("execution", ["eager", "session", "fit"])
def test_half_precision_is_the_same_in_every_mode(jobs, data, runs, execution):
    options = [*data, "train.precision=mixed_bfloat16", "train.steps=20", "summary.every=1"]
    expected = losses(runs.get("bfloat16 function", *options))
    np.testing.assert_allclose(
        losses(runs.get(f"bfloat16 {execution}", *options, f"exec={execution}")), expected, rtol=0.02
    )


def chance_of(correct: int, examples: int) -> float:
    """The probability of at least so many correct guesses between two classes."""
    return sum(math.comb(examples, number) for number in range(correct, examples + 1)) / 2**examples


@pytest.mark.slow
def test_the_best_of_many_is_not_better_than_chance_where_nothing_was_chosen(jobs, tmp_path):
    """Random labels, 30 configurations: the validation accuracy of the best one was selected, its test accuracy not."""
    chance = np.random.default_rng(0)
    arrays = {f"x_{name}": chance.normal(size=(size, 20)).astype(np.float32) for name, size in SIZES.items()}
    arrays |= {f"y_{name}": chance.integers(0, 2, size).astype(np.int32) for name, size in SIZES.items()}
    np.savez(tmp_path / "random.npz", **arrays)
    jobs.run(
        *("-m", "data=arrays", "data.file=random.npz", "data.validation=200", "train.epochs=5", "hydra.sweep.dir=s"),
        *("seed=range(10)", "optimizer.learning_rate=0.0003,0.003,0.03", "checkpoint.best=validation/accuracy"),
        cwd=tmp_path,
    ).check()
    found = [results(path.parent) for path in sorted((tmp_path / "s").glob("*/results.json"))]
    assert len(found) == 30
    assert {run["test_readings"] for run in found} == {1}
    assert {run["selected_on"] for run in found} == {"validation"}
    best = max(found, key=lambda run: run["best"]["value"])
    validation, test = round(best["best"]["value"] * 200), round(best["test"]["accuracy"] * SIZES["test"])
    by_validation, by_test = chance_of(validation, 200), chance_of(test, SIZES["test"])
    print(f"validation {validation} of 200 (p={by_validation:.2g}), test {test} of {SIZES['test']} (p={by_test:.2g})")
    assert by_validation < 0.01
    assert 0.05 < by_test < 0.95


SIZES = {"train": 1000, "test": 1000}


@pytest.mark.parametrize("execution", ["function", "eager", "session"])
@pytest.mark.parametrize("at", [20, 40], ids=["mid-run", "last step"])
def test_an_overflow_of_float16_costs_a_step_and_no_more(jobs, tmp_path, execution, at):
    """One example is too large for float16, so that the loss of its batch is not finite."""
    chance = np.random.default_rng(0)
    x = chance.normal(size=(400, 4)).astype(np.float32)
    y = (x[:, 0] > 0).astype(np.int32)
    x[10 * at - 5] = 1e6
    np.savez(tmp_path / "large.npz", x_train=x, y_train=y, x_test=x[:100], y_test=y[:100])
    jobs.run(
        *("data=arrays", "data.file=large.npz", "data.batch_size=10", "data.buffer_size=1", f"exec={execution}"),
        *("train.precision=mixed_float16", "summary.every=1", "optimizer.learning_rate=0.01", "hydra.run.dir=run"),
        cwd=tmp_path,
    ).check()
    found, rows = results(tmp_path / "run"), metrics(tmp_path / "run")
    assert (found["status"], found["step"]) == ("completed", 40)
    assert [row["step"] for row in rows if row["loss"] is None] == [at]
    assert [row["train/loss_scale"] for row in rows] == [2.0**15] * (at - 1) + [2.0**14] * (41 - at)
    assert found["test"]["accuracy"] > 0.8
    assert (found["train"]["loss"] is None) == (at == 40)


@pytest.mark.parametrize("steps", [60, 50], ids=["in turn", "out of turn"])
def test_a_run_that_is_killed_in_the_closing_test_loses_no_validation(jobs, data, tmp_path, steps):
    options = [*data, *VALIDATED, f"train.steps={steps}", "checkpoint.best=validation/loss", "train.clip_norm=1.0"]
    jobs.run(*options, "hydra.run.dir=run", cwd=tmp_path).check()
    expected, rows = results(tmp_path / "run"), metrics(tmp_path / "run")
    (tmp_path / "run" / "results.json").unlink()
    jobs.run("resume=run", cwd=tmp_path).check()
    found = results(tmp_path / "run")
    for name in ("train", "validation", "best", "test", "tested", "weights_sha256"):
        assert found[name] == expected[name]
    assert metrics(tmp_path / "run") == rows


def test_a_longer_run_finds_its_best_step_again(jobs, data, tmp_path):
    """The last step of the first epoch is the best one there, but out of turn; the best one in turn must stay."""
    options = [
        *data,
        "data.validation=0.1",
        "train.validate_every=10",
        "checkpoint.every=1000",
        "checkpoint.max_to_keep=1",
    ]
    options += ["checkpoint.best=validation/loss", "optimizer.learning_rate=0.001"]
    jobs.run(*options, "hydra.run.dir=run", cwd=tmp_path).check()
    assert results(tmp_path / "run")["best"]["step"] == 72
    kept = {path.stem for path in (tmp_path / "run" / "checkpoints").glob("ckpt-*.json")}
    assert kept == {"ckpt-70", "ckpt-72"}


def test_a_warm_start_has_the_schedule_of_its_own_run(jobs, data, tmp_path):
    """SGD has no state but its count of steps, which a schedule must not go by."""
    sgd = ["optimizer=sgd", "optimizer.learning_rate=0.1", "summary.every=1"]
    jobs.run(*data, *sgd, "schedule=linear", "train.steps=60", "hydra.run.dir=first", cwd=tmp_path).check()
    for scope in ("all", "model"):
        warm = ["checkpoint.restore=first", f"checkpoint.scope={scope}", "schedule=linear", "train.steps=20"]
        jobs.run(*data, *sgd, *warm, f"hydra.run.dir={scope}", cwd=tmp_path).check()
    assert losses(tmp_path / "all") == losses(tmp_path / "model")


def test_parts_of_a_batch_log_what_the_model_says_once(jobs, data, tmp_path):
    options = ["model._target_=tests.support.models.talkative", "~model.hidden", "+model.words=false"]
    options += ["trusted_targets=[tests.]", "train.accumulate=5", "summary.figures=5", "train.steps=10"]
    jobs.run(*data, *options, "hydra.run.dir=run", cwd=tmp_path).check()
    assert results(tmp_path / "run")["status"] == "completed"


def test_a_test_is_not_held_to_what_a_training_needs(runs, data):
    run = runs.get("five parts", *data, "train.accumulate=5", "train.steps=10")
    test = runs.get("test of five parts", "mode=test", f"run={run}", "data.batch_size=2")
    assert results(test)["test"]["accuracy"] == results(run)["test"]["accuracy"]


def test_what_is_known_once_the_data_is_there_is_refused_then(jobs, data, tmp_path):
    options = [*data, "exec=fit", "exec.steps_per_call=10", "checkpoint.every=100", "data.validation=0.1"]
    done = jobs.run(*options, "train.epochs=2", cwd=tmp_path)
    assert (done.status, done.errors.strip()) == (
        2,
        "train.validate_every=null: exec=fit can only validate between calls, of exec.steps_per_call=10 steps, and an "
        "epoch has 72",
    )


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_a_model_in_half_precision_is_exported(jobs, runs, data, tmp_path, precision):
    run = runs.get(f"exported {precision}", *data, "train.steps=40", f"train.precision={precision}", "train.ema=0.9")
    done = jobs.run(str(run), "--to", str(tmp_path / "to"), program="scripts/export.py", cwd=tmp_path).check()
    assert "saved_model" in done.output
    assert "was loaded again, and gave the same" in done.output
