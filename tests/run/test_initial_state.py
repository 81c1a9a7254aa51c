"""Where a run's variables begin: new, warm-started, resumed, or restored to be tested; and what is refused."""

import json
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from exp.task import Classification
from tests.support.networks import sequential
from tests.support.requests import requested
from tests.support.saving import assert_same, batch, step, store, values_of

CLASSES = ("cats", "dogs")


class Said:
    """A display that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def components(*overrides: str, classes: tuple[str, ...] = CLASSES, fingerprint: str = "data") -> Any:
    """A trained network with its optimizer, as `build` would hand it on."""
    import keras

    from exp.checkpoint import EagerAccess
    from exp.exec.recipe import Recipe

    model, optimizer = sequential(with_input=True), keras.optimizers.Adam()
    model(batch())
    optimizer.build(model.trainable_variables)
    executor: Any = EagerAccess()
    executor.scope = nullcontext
    return SimpleNamespace(
        config=requested(*overrides, preflight=False).config,
        executor=executor,
        dataset=SimpleNamespace(class_names=classes, fingerprint=fingerprint, set_apart=None),
        roots={"model": model, "optimizer": optimizer},
        tested_roots=("model",),
        program=SimpleNamespace(
            model=model,
            optimizer=optimizer,
            parts=[(model, optimizer)],
            task=Classification(classes=2),
            recipe=Recipe(),
        ),
    )


def saved_run(folder: Path, *steps: int, run: str = "this", **origin: Any) -> dict[str, np.ndarray]:
    """A folder with checkpoints of a run after some steps; returns the values after the last one."""
    from exp.checkpoint import Origin

    made = components()
    model, optimizer = made.program.model, made.program.optimizer
    facts = {"seed": 0, "data": "data", "class_names": CLASSES, **origin}
    checkpoints = store(folder / "checkpoints", model, optimizer, origin=Origin(run=run, **facts))
    for number in steps:
        step(model, optimizer, batch(number))
        checkpoints.save(number, examples=10 * number, metrics={"train/loss": 1.0 / number})
    checkpoints.close()
    (folder / "manifest.json").write_text(json.dumps({"run": run}))
    return values_of(model, optimizer)


def state_of(request: Any, made: Any) -> tuple[Any, list[str]]:
    """The initial state, and what the person was told."""
    from exp.run.initial_state import initial_state

    said = Said()
    return initial_state(request, made, said), said.lines


def request(folder: Path = Path("new"), *, tested: Path | None = None, resumed: bool = False) -> Any:
    return SimpleNamespace(folder=folder, tested=tested, resumed=resumed)


def asking_for_best(made: Any) -> Any:
    """The same with `checkpoint.restore=best`, which a test alone may be given."""
    checkpoint = made.config.checkpoint.model_copy(update={"restore": "best"})
    made.config = made.config.model_copy(update={"checkpoint": checkpoint})
    return made


def test_a_new_run_begins_at_step_0_with_a_name_of_its_own(tf, place):
    made = components()
    before = values_of(made.program.model, made.program.optimizer)
    one, other = state_of(request(), made)[0], state_of(request(), made)[0]
    assert (one.step, one.examples, one.checkpoint, one.facts(), dict(one.metrics)) == (0, 0, None, None, {})
    assert one.run != other.run
    assert_same(before, values_of(made.program.model, made.program.optimizer))


def test_a_resumed_run_has_everything_of_its_newest_checkpoint(tf, place):
    saved = saved_run(Path("run"), 1, 2)
    made = components()
    state, said = state_of(request(Path("run"), resumed=True), made)
    assert (state.run, state.step, state.examples) == ("this", 2, 20)
    assert state.checkpoint == Path("run/checkpoints/ckpt-2")
    assert dict(state.metrics) == {"train/loss": 0.5}
    assert sorted(state.earlier) == [1, 2]
    assert_same(saved, values_of(made.program.model, made.program.optimizer))
    assert any("each compared with its SHA-256" in line for line in said)


def test_a_damaged_checkpoint_is_passed_over_and_named(tf, place):
    saved_run(Path("run"), 1, 2)
    data = next(Path("run/checkpoints").glob("ckpt-2.data-*"))
    data.write_bytes(data.read_bytes()[:-4] + b"\0\1\2\3")
    state, said = state_of(request(Path("run"), resumed=True), components())
    assert state.step == 1
    assert list(state.passed_over) == [2]
    assert any(line.startswith("passed over ") and "ckpt-2" in line for line in said)


def test_a_run_that_was_killed_before_its_first_checkpoint_starts_again_under_its_name(tf, place):
    Path("run").mkdir()
    Path("run/manifest.json").write_text('{"run": "this"}')
    state, said = state_of(request(Path("run"), resumed=True), components())
    assert (state.run, state.step, state.checkpoint) == ("this", 0, None)
    assert said == ["run: was stopped before its first checkpoint; begins anew"]


@pytest.mark.parametrize(
    ("there", "here", "message"),
    [
        ({"seed": 3}, {}, "seed=0: run/checkpoints/ckpt-1 was saved with seed=3"),
        ({}, {"fingerprint": "other"}, "data: is not the data set that run/checkpoints/ckpt-1 was trained on"),
    ],
)
def test_what_a_run_must_not_be_resumed_with_is_refused(tf, place, there, here, message):
    from exp.checkpoint import CheckpointError

    saved_run(Path("run"), 1, **there)
    with pytest.raises(CheckpointError, match=message):
        state_of(request(Path("run"), resumed=True), components(**here))


def test_a_test_restores_the_model_alone(tf, place):
    saved_run(Path("run"), 1, 2)
    made = components()
    made.program.optimizer.iterations.assign(77)
    state, _ = state_of(request(tested=Path("run")), made)
    assert (state.step, state.examples, state.checkpoint) == (2, 20, Path("run/checkpoints/ckpt-2"))
    assert int(made.program.optimizer.iterations) == 77


def test_a_test_on_other_classes_is_refused(tf, place):
    from exp.checkpoint import CheckpointError

    saved_run(Path("run"), 1)
    with pytest.raises(CheckpointError, match="the classes here are dogs, cats, and those that the run was trained on"):
        state_of(request(tested=Path("run")), components(classes=("dogs", "cats")))


def test_a_checkpoint_of_another_run_is_tested_only_with_a_note(tf, place):
    saved_run(Path("other"), 1, run="other")
    saved_run(Path("run"), 1)
    made = components("checkpoint.restore=other/checkpoints/ckpt-1")
    _, said = state_of(request(tested=Path("run")), made)
    assert "note: other/checkpoints/ckpt-1 was saved by another run than that of run" in said


@pytest.mark.parametrize(("scope", "iterations"), [("model", 0), ("all", 2)])
def test_a_warm_start_takes_what_it_is_asked_for_and_is_a_run_of_its_own(tf, place, scope, iterations):
    saved = saved_run(Path("run"), 1, 2)
    made = components("checkpoint.restore=run", f"checkpoint.scope={scope}")
    state, said = state_of(request(), made)
    assert (state.step, state.examples, dict(state.metrics)) == (0, 0, {})
    assert state.run != "this"
    assert state.facts()["checkpoint"] == "run/checkpoints/ckpt-2"
    now = values_of(made.program.model)
    own = [path for path in now if "seed_generator" in path]
    assert own  # what dropout draws belongs to the new run
    assert_same({path: saved[path] for path in now if path not in own}, {p: v for p, v in now.items() if p not in own})
    assert all(saved[path].tobytes() != now[path].tobytes() for path in own)
    assert int(made.program.optimizer.iterations) == iterations
    assert any(line.startswith("left in the checkpoint: ") for line in said) == (scope == "model")


def test_the_best_checkpoint_is_one_that_the_rule_chooses(tf, place):
    saved_run(Path("run"), 1, 2)
    made = asking_for_best(components("checkpoint.best=train/loss"))
    assert state_of(request(tested=Path("run")), made)[0].step == 2


def test_no_best_checkpoint_is_said_with_the_reason(tf, place):
    from exp.checkpoint import CheckpointError

    saved_run(Path("run"), 1)
    made = asking_for_best(components())
    with pytest.raises(CheckpointError, match="was not asked to keep a best one"):
        state_of(request(tested=Path("run")), made)


def test_facts_name_the_restored_checkpoint(tf, place):
    saved_run(Path("run"), 1)
    state, _ = state_of(request(Path("run"), resumed=True), components())
    assert state.facts() == {
        "checkpoint": "run/checkpoints/ckpt-1",
        "weights_sha256": state.record.weights_sha256,
    }
    assert replace(state, record=None).facts() is None
