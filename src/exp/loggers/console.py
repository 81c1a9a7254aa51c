"""What a person sees: the configuration, progress, and a closing table.

On a terminal a bar is drawn; elsewhere plain lines appear now and then. Everything that is said also goes to run.log.
"""

import json
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from exp.config.flat import flat
from exp.config.loggers import LoggerChoice, server_given
from exp.loggers.time_breakdown import WHAT
from exp.terminal.commands import neighbourhood, override, run_command, tensorboard
from exp.terminal.plain_console import PlainConsole
from exp.terminal.plain_console import console as stdout
from exp.terminal.tables import facts, line_width
from exp.terminal.words import counted, metric_text

log = logging.getLogger("exp")

SECONDS_BETWEEN_LINES = 5.0


class Tell(Protocol):
    """A listener to the progress of training."""

    def __call__(self, *, done: int, total: int, loss: float | None) -> None:
        """Take note that `done` of `total` steps are done, the last one with this loss."""


class Display:
    """Shows a run to a person, on stdout; errors go elsewhere."""

    def __init__(self, console: PlainConsole | None = None, *, tell: Tell | None = None) -> None:
        """Make a display.

        Args:
            console: where to write; stdout if this is None.
            tell: listens to the progress too.
        """
        self._console = console or stdout()
        self._progress: Progress | None = None
        self._task = TaskID(0)
        self._last_line = 0.0
        self._figures = ""
        self._tell = tell

    def say(self, text: str) -> None:
        """Show a line, and log it."""
        log.info(text)
        self._console.print(text)

    def config(self, tree: Mapping[str, Any]) -> None:
        """Show the configuration: a row for each group, each value as it would be written on a command line."""
        rows = [(name, _written(node)) for name, node in tree.items() if isinstance(node, Mapping)]
        rows.append(("", _written({k: v for k, v in tree.items() if not isinstance(v, Mapping)})))
        self._print(facts(rows, self._width()))

    def begin(self, *, done: int, total: int) -> None:
        """Training begins after `done` steps of `total`."""
        self._done, self._total = done, total
        self._started = self._last_line = time.monotonic()
        self._first = done
        log.info("training begins: step %d of %d", done, total)
        if self._tell:
            self._tell(done=done, total=total, loss=None)
        if self._console.is_terminal:
            columns = (
                TextColumn("training", markup=False),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("loss {task.fields[loss]}{task.fields[figures]}  {task.fields[rate]} steps/s", markup=False),
                TimeRemainingColumn(),
            )
            self._progress = Progress(*columns, console=self._console, refresh_per_second=5)
            self._progress.start()
            self._task = self._progress.add_task("train", total=total, completed=done, loss="-", rate="-", figures="")

    def advance(self, *, done: int, loss: float) -> None:
        """Show that `done` steps are done, the last one with this loss."""
        now = time.monotonic()
        rate = (done - self._first) / max(now - self._started, 1e-9)
        if self._tell:
            self._tell(done=done, total=self._total, loss=loss)
        if self._progress is not None:
            loss_text, rate_text = f"{loss:.4f}", f"{rate:.0f}"
            self._progress.update(self._task, completed=done, loss=loss_text, rate=rate_text, figures=self._figures)
        elif now - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line = now
            left = (self._total - done) / max(rate, 1e-9)
            self.say(
                f"step {done}/{self._total}  loss {loss:.4f}{self._figures}  {rate:.0f} steps/s  {left:.0f} s left"
            )

    def evaluated(self, step: int, figures: Mapping[str, float], best: str) -> None:
        """Show what an evaluation gave, with the lines and the bar of the steps that follow.

        Args:
            step: after which it was made.
            figures: by tag, such as `validation/loss`.
            best: the best step so far, in words; empty if there is none.
        """
        texts = [f"{tag.replace('/', ' ')} {metric_text(tag, value)}" for tag, value in figures.items()]
        self._figures = f"  {', '.join(texts)}{best and f' ({best})'}"
        log.info("step %d:%s", step, self._figures)

    def end(self) -> None:
        """Remove the bar: training ended, in whatever way."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def closing(
        self,
        results: Mapping[str, Any],
        folder: Path,
        *,
        trusted: Sequence[str] = (),
        begun: bool = True,
        logger: LoggerChoice | None = None,
    ) -> None:
        """Show the closing table, if the run had begun, and the commands that a person may want next.

        Args:
            results: as in `results.json`.
            folder: the run folder.
            trusted: the prefixes of the user's own code that the run needs.
            begun: whether the results hold anything to show.
            logger: where the run logged; None: to TensorBoard among others.
        """
        if begun:
            self._print([f"{results['mode']}: {results['status']}", *facts(_result_rows(results), self._width())])
        for line in _next_commands(results, folder, trusted, logger):
            self.say(line)

    def _width(self) -> int:
        return self._console.width if self._console.is_terminal else line_width()

    def _print(self, lines: Sequence[str]) -> None:
        self._console.print(Text("\n".join(lines)))


def _written(node: Mapping[str, Any]) -> str:
    """`KEY=VALUE` for each value below a node, what was chosen first, as YAML spells it."""
    return " ".join(
        f"{key}={value if isinstance(value, str) else json.dumps(value, separators=(',', ':'))}"
        for key, value in sorted(flat(node).items(), key=lambda item: item[0] not in ("_target_", "name"))
    )


def _result_rows(results: Mapping[str, Any]) -> list[tuple[str, str]]:
    replicas = (
        f", {counted(results['replicas'], 'replica')}" if results["replicas"] else ""
    )  # a run that failed early does not know them
    rows = [("steps", f"{results['step']} ({counted(results['examples'], 'example')}{replicas})")]
    if results["error"] is not None:
        rows.append(("error", results["error"]))
        rows.append(("last good checkpoint", results["checkpoint"] or "none"))
    if results["train"]["loss"] is not None:
        rows.append(("training loss, last step", f"{results['train']['loss']:.4f}"))
    rows += _stop_rows(results)
    rows += _split_rows("validation", results["validation"] or {})
    rows += _best_row(results)
    rows += _split_rows("test", results["test"])
    rows += _caveats(results)
    if results["examples_per_second"] is not None:
        rows.append(("speed", f"{results['examples_per_second']:.0f} examples/s"))
    seconds = {name: value for name, value in results["seconds"].items() if value is not None}
    rows.append(("seconds", ", ".join(f"{name} {value:.1f}" for name, value in seconds.items())))
    parts = {name: value for name, value in results["time"].items() if name != "advice" and value and value >= 0.005}
    if parts:
        largest = sorted(parts.items(), key=lambda part: -part[1])
        rows.append(("training time", ", ".join(f"{WHAT[name]} {value:.0%}" for name, value in largest)))
    if results["time"]["advice"]:
        rows.append(("advice", results["time"]["advice"]))
    return rows


def _split_rows(split: str, figures: Mapping[str, Any]) -> list[tuple[str, str]]:
    """A row for each figure of an evaluation; the last one says how many examples there were."""
    known = {name: value for name, value in figures.items() if name not in ("examples", "step") and value is not None}
    rows = [(f"{split} {name}", metric_text(name, value)) for name, value in known.items()]
    if rows:
        name, text = rows[-1]
        rows[-1] = name, f"{text} of {counted(figures['examples'], 'example')}"
    return rows


def _stop_rows(results: Mapping[str, Any]) -> list[tuple[str, str]]:
    why = {
        "patience": "by train.patience: no better value for so many validations",
        "max_seconds": "by train.max_seconds",
    }.get(results["stopped"])
    back = [f"step {rewind['diverged_at']} to {rewind['back_to']}" for rewind in results["rewinds"]]
    rewound = [("went back", f"from {', '.join(back)}, where the loss was not finite")] if back else []
    return [*rewound, *([("stopped", why)] if why else [])]


def _best_row(results: Mapping[str, Any]) -> list[tuple[str, str]]:
    best = results["best"]
    if best is None:
        return []
    kept = f", kept as {Path(best['checkpoint']).name}" if best["checkpoint"] else ""
    value = metric_text(best["metric"], best["value"])
    return [(f"best {best['metric'].replace('/', ' ')}", f"{value} at step {best['step']}{kept}")]


def _caveats(results: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a reader of the test figures has to know."""
    rows = []
    if results["tested"] == "best" and results["best"] and results["best"]["step"] != results["step"]:
        rows.append(("tested", f"the best step, {results['best']['step']}"))
    if results["selected_on"] == "test":
        rows.append(("beware", "the tested weights were selected on the test set, so its figures are too good"))
    if (results["test_readings"] or 0) > 1:
        rows.append(("test set", f"was read {results['test_readings']} times for this run"))
    return rows


def _next_commands(
    results: Mapping[str, Any], folder: Path, trusted: Sequence[str], logger: LoggerChoice | None
) -> list[str]:
    lines = [f"run folder: {folder}"]
    if results["status"] == "interrupted" and results["mode"] == "test":
        lines.append("test again:  the same command, in another folder")
    elif results["status"] == "interrupted":
        server = server_given(logger)
        lines.append(f"go on:       {server}{run_command(override('resume', folder), trusted=trusted)}")
    elif results["status"] == "completed" and results["mode"] == "train":
        best = ["checkpoint.restore=best"] if results["tested"] == "best" else []
        command = run_command("mode=test", override("run", folder), *best, trusted=trusted)
        lines.append(f"test again:  {command}")
    if results["mode"] == "train" and (logger is None or logger.tensorboard):
        lines.append(f"look at it:  {tensorboard(neighbourhood(folder))}")
    return lines
