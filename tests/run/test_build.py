"""What is decided while the components of a run are built, and what the person is told of them."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from exp.task import Classification
from tests.support.requests import requested


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def config(*overrides: str) -> Any:
    return requested(*overrides, preflight=False).config


def transforms(*shape: int) -> Any:
    from exp.data.dataset import Spec

    return SimpleNamespace(features=Spec(shape, "uint8"))


@pytest.mark.parametrize(
    ("overrides", "shape", "compiled", "steps"),
    [
        ([], (28, 28, 1), True, 100),  # XLA's steps are so quick that entering a call counts
        ([], (28, 28, 1), False, 20),
        (["checkpoint.every=7"], (28, 28, 1), True, 7),  # a call ends where a checkpoint is due
        (["data.batch_size=32"], (256, 256, 3), True, 1),  # 6 MB a batch
        (["exec.steps_per_call=3"], (28, 28, 1), True, 3),
    ],
)
def test_the_number_of_steps_in_a_call(overrides, shape, compiled, steps):
    from exp.run.build import _steps_per_call

    executor: Any = SimpleNamespace(one_step_a_call=False)
    assert _steps_per_call(config(*overrides), executor, transforms(*shape), 1000, compiled=compiled) == steps


def test_a_mode_of_one_step_a_call_has_one_unless_it_is_told_otherwise():
    from exp.run.build import _steps_per_call

    executor: Any = SimpleNamespace(one_step_a_call=True)
    assert _steps_per_call(config(), executor, transforms(28, 28, 1), 1000, compiled=False) == 1
    assert _steps_per_call(config("exec.steps_per_call=4"), executor, transforms(28, 28, 1), 1000, compiled=False) == 4


def test_no_call_has_more_steps_than_the_run():
    from exp.run.build import _steps_per_call

    executor: Any = SimpleNamespace(one_step_a_call=False)
    assert _steps_per_call(config(), executor, transforms(28, 28, 1), 5, compiled=True) == 5


@pytest.mark.parametrize(("here", "rows"), [([0], slice(0, 25)), ([1], slice(25, 50)), ([0, 1], slice(0, 50))])
def test_a_process_takes_the_rows_of_its_replicas(tf, here, rows):
    from exp.run.build import _rows

    devices: Any = SimpleNamespace(replicas=2, here=here)
    assert _rows(config("data.batch_size=50"), devices) == rows


def components(labels: list[int], names: tuple[str, ...] | None, *, limit: int, executor: Any = None) -> Any:
    from exp.run.components import Components

    dataset: Any = SimpleNamespace(
        class_names=names, notes=("skipped 1 file",), train=SimpleNamespace(targets=np.array(labels))
    )
    return Components(
        config=config("summary.histograms=50"),
        devices=SimpleNamespace(replicas=2, names=("CPU:0", "CPU:1")),  # type: ignore[arg-type]
        dataset=dataset,
        order=SimpleNamespace(size=limit),  # type: ignore[arg-type]
        feed=SimpleNamespace(),  # type: ignore[arg-type]
        executor=executor,
        program=SimpleNamespace(task=Classification(classes=3)),  # type: ignore[arg-type]
        total_steps=10,
        own_summaries=(),
        decisions=("exec.jit_compile=auto: compiled",),
    )


def test_the_person_is_told_of_devices_classes_and_decisions():
    assert components([0, 1, 1, 2], ("a", "b", "c"), limit=3).notes() == [
        "Number of devices: 2 (CPU:0, CPU:1)",
        "Classes: 3 (a, b, c)",
        "skipped 1 file",
        "exec.jit_compile=auto: compiled",
        "data.limit=3: the first examples hold none of c",
    ]


def test_a_data_set_without_classes_has_none_to_name():
    assert not [note for note in components([0], None, limit=1).notes() if "Classes" in note]


@pytest.mark.parametrize(
    ("calls_of_any_size", "makes_graph", "periods"),
    [(True, True, (50,)), (True, False, (100, 50)), (False, True, ())],
)
def test_detailed_steps_have_calls_of_their_own_if_calls_may_differ(calls_of_any_size, makes_graph, periods):
    executor = SimpleNamespace(calls_of_any_size=calls_of_any_size, makes_graph=makes_graph)
    assert components([0], ("a",), limit=1, executor=executor).detailed_every() == periods
