"""The order of a run, and what is left of it if a stage ends it: with stages that are stood in for."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from exp.errors import UserError
from exp.run import run as module
from exp.run.request import Request
from exp.run_folder.folder import RunFolder
from exp.system.signals import Stopped
from exp.task import Classification
from tests.support.requests import requested


class Quiet:
    """A display that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.closed: dict[str, Any] | None = None

    def say(self, text: str) -> None:
        self.lines.append(text)

    def closing(self, results: dict[str, Any], folder: Path, **more: Any) -> None:
        self.closed = results


@pytest.fixture
def request_(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Request:
    monkeypatch.chdir(tmp_path)
    return requested("hydra.run.dir=run", "train.steps=3")


def run(request: Request) -> tuple[int, Quiet]:
    display = Quiet()
    return module.run(request, display, started=0.0), display  # type: ignore[arg-type]


def ending(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Let the components be built no further than this."""

    def build(*arguments: Any, **options: Any) -> Any:
        raise error

    monkeypatch.setattr(module, "build", build)


def results(folder: str = "run") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(folder, "results.json").read_text())
    return found


def test_an_impossible_request_leaves_nothing_and_gives_the_lock_back(tf, request_, monkeypatch):
    ending(monkeypatch, UserError("device.indices=[7]: there is no CPU 7"))
    with pytest.raises(UserError, match="there is no CPU 7"):
        run(request_)
    assert not Path("run").exists()
    Path("run").mkdir()
    RunFolder(Path("run")).close()


def test_an_error_is_a_failed_run_with_the_error_in_its_results_and_a_traceback_in_its_log(
    tf, request_, monkeypatch, caplog
):
    ending(monkeypatch, RuntimeError("out of order"))
    status, display = run(request_)
    assert status == 1
    found = results()
    assert (found["status"], found["step"], found["weights_sha256"]) == ("failed", 0, None)
    assert found["error"].startswith("RuntimeError: out of order")
    assert found["seconds"]["total"] > 0
    assert "Traceback" in caplog.text
    assert display.lines[-1] == "the run failed; there is no checkpoint; the traceback is in run/run.log"
    assert display.closed == found


def test_a_model_that_ends_the_program_is_no_success(tf, request_, monkeypatch):
    ending(monkeypatch, SystemExit(0))
    assert run(request_)[0] == 1
    assert results()["status"] == "failed"


def test_a_signal_before_anything_was_trained_leaves_a_run_that_can_be_resumed(tf, request_, monkeypatch):
    ending(monkeypatch, Stopped())
    _, display = run(request_)
    assert results()["status"] == "interrupted"
    assert Path("run/.hydra/config.yaml").is_file()
    assert not Path("run/manifest.json").exists()
    assert display.lines[-1] == "stopped by a signal before anything was trained"


def test_results_that_cannot_be_written_are_a_failed_run(tf, request_, monkeypatch):
    ending(monkeypatch, RuntimeError("out of order"))

    def full(self: Any, results: Any) -> None:
        raise OSError(28, "No space left on device", "run/results.json")

    monkeypatch.setattr(RunFolder, "write_results", full)
    status, display = run(request_)
    assert status == 1
    assert display.lines[-1] == "run/results.json: cannot be written (No space left on device)"


def test_the_stages_come_in_their_order(tf, request_, monkeypatch):
    """The folder is a run's before training; its log is closed before the results; the lock goes last."""
    happened: list[str] = []

    def note(name: str, value: Any = None) -> Any:
        def called(*arguments: Any, **options: Any) -> Any:
            happened.append(name)
            return value

        return called

    traces = SimpleNamespace(facts=list, warnings=list)
    components = SimpleNamespace(
        config=request_.config,
        devices=SimpleNamespace(replicas=1, threads=1),
        executor=SimpleNamespace(traces=traces, calls_of_any_size=True),
        notes=list,
        facts=dict,
        program=SimpleNamespace(task=Classification(classes=2), steps_per_call=1, jit_train=True),
        schedule=None,
        total_steps=3,
        weights_sha256=lambda: "digest",
    )
    from exp.exec import Evaluation

    evaluation = Evaluation(0.5, {"accuracy": 1.0}, 2)
    logger = SimpleNamespace(hparams=note("hparams"), ended=note("ended"), close=note("close log"))
    found = {"step": 3, "stopped": None}
    trained = SimpleNamespace(results=found, failure=None, status="completed", evaluation=None, best=None)
    facts, nothing = lambda: None, SimpleNamespace(rewinds=[])
    state = SimpleNamespace(run="name", step=0, examples=0, checkpoint=None, facts=facts, run_state=nothing)
    monkeypatch.setattr(module, "build", note("build", components))
    monkeypatch.setattr("exp.run.initial_state.initial_state", note("initial state", state))
    monkeypatch.setattr("exp.loggers.folder_loggers.file_loggers", note("open log", []))
    monkeypatch.setattr("exp.loggers.logger.Loggers", lambda files, outside: logger)
    monkeypatch.setattr("exp.loggers.outside.OutsideLoggers.close", note("close outside"))
    monkeypatch.setattr("exp.run.rewind.train", note("train", trained))
    monkeypatch.setattr("exp.run.evaluate.evaluate", note("evaluate", evaluation))
    monkeypatch.setattr("exp.run.evaluate.show_predictions", note("show predictions"))
    monkeypatch.setattr("exp.run.evaluate.show_graph", note("show graph"))
    for method in ("write_config", "write_manifest", "write_results", "close"):
        monkeypatch.setattr(RunFolder, method, note(method.replace("_", " ")))
    assert run(request_)[0] == 0
    assert happened == [
        *("build", "initial state", "write config", "write manifest", "open log", "hparams", "train", "evaluate"),
        *("show predictions", "show graph", "ended", "close log", "write results"),
        *("close outside", "close"),
    ]
