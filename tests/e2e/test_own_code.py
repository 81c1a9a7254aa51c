"""Mistakes in a network or a data set of one's own: file, line and message; the traceback is in the log."""

from pathlib import Path

import pytest

from tests.support import broken
from tests.support.jobs import results

QUICK = ["trusted_targets=[tests.support.broken.]", "train.steps=2", "data.limit=100", "hydra.run.dir=run"]


def place_of(code: str) -> str:
    """How the line with this code is named."""
    lines = Path(broken.__file__).read_text().splitlines()
    (number,) = [number for number, line in enumerate(lines, 1) if code in line]
    function = next(line for line in lines[number - 1 :: -1] if "def " in line).strip().removeprefix("def ")
    return f"(broken.py, line {number}, in {function.partition('(')[0]})"


@pytest.mark.parametrize(
    ("name", "message", "code"),
    [
        ("adds_text", "TypeError: Input 'y' of 'AddV2' Op has type string", "self.logits(pictures) + "),
        ("misspells", "AttributeError: 'Misspells' object has no attribute 'logitz'", "self.logitz(pictures)"),
        ("reshapes", "ValueError: The total size of the tensor must be unchanged", "self.square(pictures)"),
        ("piles", "The total size of the tensor must be unchanged", ""),
        ("looks_up", "KeyError: 'hidden'", '{}["hidden"]'),
        ("gives_nothing", "gives nothing, not a keras.Model", ""),
        ("absent", "cannot be found", ""),
    ],
)
def test_a_broken_network_is_one_sentence(jobs, tmp_path, name, message, code):
    done = jobs.run(f"model._target_=tests.support.broken.{name}", "~model.hidden", *QUICK, cwd=tmp_path)
    assert done.status == 2
    assert done.errors.startswith("model")
    assert message in done.errors
    has_traceback = code != "" or name == "piles"
    assert (place_of(code) if code else "") + "; the traceback is in run/run.log\n" in done.errors or not has_traceback
    assert done.errors.count("\n") == 1
    assert "Traceback" not in done.output
    assert (tmp_path / "run").exists() == has_traceback
    assert not has_traceback or "Traceback" in (tmp_path / "run" / "run.log").read_text()


@pytest.mark.parametrize("mode", ["eager", "function"])
def test_what_fails_in_training_names_its_line(jobs, tmp_path, mode):
    options = ["model._target_=tests.support.broken.fails_in_training", "~model.hidden", f"exec={mode}"]
    done = jobs.run(*options, *QUICK, cwd=tmp_path)
    assert done.status == 1
    expected = f"RuntimeError: broken on purpose {place_of('broken on purpose')}"
    assert results(tmp_path / "run")["error"] == expected
    assert "Traceback" in (tmp_path / "run" / "run.log").read_text()


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (
            "int64_labels",
            "data=tests.support.broken.splits: the training labels are int64 of shape (200,), and must be int32",
        ),
        (
            "unequal",
            "data._target_=tests.support.broken.splits: a split of the data set has 150 features, and 200 targets",
        ),
        ("nothing", "data=tests.support.broken.splits: gives nothing, not an exp.data.Dataset"),
    ],
)
def test_a_broken_data_set_is_one_sentence(jobs, tmp_path, kind, message):
    done = jobs.run("data._target_=tests.support.broken.splits", f"+data.kind={kind}", *QUICK, cwd=tmp_path)
    assert done.status == 2
    assert done.errors.startswith(message)
    assert done.errors.count("\n") == 1


def test_a_good_data_set_of_ones_own_trains(jobs, tmp_path):
    options = ["data._target_=tests.support.broken.splits", "+data.kind=good_floats", "data.batch_size=20"]
    jobs.run(*options, *QUICK, cwd=tmp_path).check()
