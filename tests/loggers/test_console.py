"""What a person sees: on a terminal a bar, elsewhere plain lines."""

import io
from pathlib import Path

from exp.loggers import console
from exp.loggers.console import Display
from exp.run_folder.results import Results
from exp.terminal.plain_console import PlainConsole


def display(*, terminal: bool) -> tuple[Display, io.StringIO]:
    text = io.StringIO()
    return Display(PlainConsole(file=text, force_terminal=terminal, width=120)), text


def test_the_config_has_a_row_for_each_group():
    shown, text = display(terminal=False)
    shown.config({"data": {"dir": None, "transforms": ["flip"]}, "optimizer": {"decay": {"rate": 0.5}}, "seed": 0})
    assert [line.rstrip() for line in text.getvalue().splitlines()] == [
        'data       dir=null transforms=["flip"]',
        "optimizer  decay.rate=0.5",
        "           seed=0",
    ]


def test_a_terminal_gets_a_bar_with_loss_and_rate():
    shown, text = display(terminal=True)
    shown.begin(done=0, total=10)
    shown.advance(done=5, loss=0.25)
    shown.end()
    assert "5/10" in text.getvalue()
    assert "loss 0.2500" in text.getvalue()
    assert "steps/s" in text.getvalue()


def test_elsewhere_a_line_appears_now_and_then(monkeypatch):
    shown, text = display(terminal=False)
    shown.begin(done=0, total=10)
    shown.advance(done=1, loss=0.5)
    assert text.getvalue() == ""
    monkeypatch.setattr(console, "SECONDS_BETWEEN_LINES", 0.0)
    shown.advance(done=5, loss=0.25)
    shown.end()
    assert text.getvalue().startswith("step 5/10  loss 0.2500  ")
    assert "s left" in text.getvalue()


def test_the_closing_table_names_figures_and_next_commands():
    shown, text = display(terminal=False)
    results = Results(mode="train").facts()
    results |= {"status": "completed", "step": 3, "examples": 150, "replicas": 2, "train": {"loss": 0.5}}
    results["test"] = {"loss": 0.25, "accuracy": 0.9, "examples": 10}
    results["seconds"] |= {"train": 1.25}
    shown.closing(results, Path("outputs/day/run"))
    said = text.getvalue()
    for part in ("train: completed", "3 (150 examples, 2 replicas)", "90.00% of 10 examples", "train 1.2"):
        assert part in said
    assert "run.py mode=test run=outputs/day/run" in said
    assert "--logdir outputs" in said


def test_an_interrupted_run_says_how_to_go_on():
    shown, text = display(terminal=False)
    shown.closing(Results(mode="train").facts() | {"status": "interrupted", "replicas": 1}, Path("outputs/day/run"))
    assert "run.py resume=outputs/day/run" in text.getvalue()
    assert "1 replica)" in text.getvalue()


def test_a_run_that_failed_before_its_devices_were_known_says_nothing_of_them():
    shown, text = display(terminal=False)
    shown.closing(
        Results(mode="train").facts() | {"status": "failed", "error": "no such thing"}, Path("outputs/day/run")
    )
    assert "0 (0 examples)" in text.getvalue()
