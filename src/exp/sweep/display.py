"""What a person sees of a sweep: progress of all jobs while they run, and a closing table."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from exp.compare.rows import rows_of
from exp.compare.runs import Run
from exp.run_folder import names
from exp.sweep.backend import RunningJob
from exp.sweep.heartbeat import Report, read_report
from exp.sweep.ledger import Entry, metrics_of
from exp.system.safe_files import DEEPEST
from exp.system.safe_yaml import value_of
from exp.terminal.commands import program
from exp.terminal.plain_console import PlainConsole
from exp.terminal.plain_console import console as stdout
from exp.terminal.tables import Table, line_width, most_of, plain_table
from exp.terminal.words import counted, metric_text

SECONDS_BETWEEN_LINES = 5.0
MOST_SHOWN = 12
"""Number of running jobs that are shown one by one; a cluster may run hundreds."""


class SweepDisplay:
    """Shows jobs as bars on a terminal, and in a line now and then elsewhere."""

    def __init__(self, *, total: int, n_jobs: int, console: PlainConsole | None = None) -> None:
        """Begin to show a sweep of `total` jobs to do, `n_jobs` of them side by side."""
        self._console = console or stdout()
        self._total, self._n_jobs = total, n_jobs
        self._ended: list[Entry] = []
        self._bars: dict[str, TaskID] = {}
        self._last_line = time.monotonic()
        self._progress: Progress | None = None
        if self._console.is_terminal:
            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(20),
                TextColumn("{task.fields[text]}", markup=False),
            )
            self._progress = Progress(*columns, console=self._console, refresh_per_second=4, transient=True)
            self._progress.start()
            self._all = self._progress.add_task("jobs", total=total, text="starting")

    def say(self, text: str) -> None:
        """Print a line."""
        self._console.print(text)

    def update(self, running: Sequence[RunningJob]) -> None:
        """Show how far the running jobs are."""
        now = time.monotonic()
        if self._progress is None and now - self._last_line < SECONDS_BETWEEN_LINES:
            return
        pending = [one for one in running if one.pending is not None]
        running = [one for one in running if one.pending is None]
        reports = {one.job.name: read_report(one.job.folder) for one in running}
        summary = self._summary(running, reports, pending)
        if self._progress is None:
            self._last_line = now
            shown = list(reports.items())[:MOST_SHOWN]
            more = f"; and {len(reports) - len(shown)} more" if len(reports) > len(shown) else ""
            jobs = "".join(f"; {name} {_where(report)}" for name, report in shown)
            self.say(f"{summary}{jobs}{more}")
            return
        self._progress.update(self._all, completed=len(self._ended), text=summary)
        for name in [name for name in self._bars if name not in reports]:
            self._progress.remove_task(self._bars.pop(name))
        for name, report in list(reports.items())[:MOST_SHOWN]:
            if name not in self._bars:
                self._bars[name] = self._progress.add_task(f"  {name}", total=None, text="")
            self._progress.update(
                self._bars[name], completed=report.step, total=report.total or None, text=_where(report)
            )

    def ended(self, entry: Entry) -> None:
        """Show that a job ended."""
        self._ended.append(entry)
        if self._progress is not None and entry.name in self._bars:
            self._progress.remove_task(self._bars.pop(entry.name))
        self.say(f"{entry.status} {entry.name}: {entry.error or _result(entry)} ({entry.seconds or 0:.1f} s)")

    def close(self) -> None:
        """Remove the bars from the terminal."""
        if self._progress is not None:
            self._progress.stop()

    def table(self, entries: Sequence[Entry], *, shared: Mapping[str, Any], done_before: int) -> None:
        """Print a table of all jobs, and the reason and the log of each that did not complete.

        Jobs that differ in their seed alone are one row, with the mean and the standard deviation of those that
        completed.

        Args:
            entries: the jobs.
            shared: the seeds of jobs that do not set them, by key, and `data.validation`.
            done_before: how many were done before.
        """
        table = _table_of_seeds(entries, shared) or _table_of_jobs(entries)
        width = self._console.width if self._console.is_terminal else line_width()
        first = [table.headings[0], *(name for name in ("n", "status") if name in table.headings)]
        order = [*first, *metrics_of(entries), "test/loss", "train/loss", "seconds", "step"]
        lines, left_out = most_of(table, width, [name for name in order if name in table.headings])
        self._console.print(Text("\n".join(["", *lines, ""])))
        if left_out:
            self.say(f"no room for {', '.join(left_out)}; {program('compare')} shows all")
        completed = sum(entry.status == "completed" for entry in entries)
        before = f" ({done_before} of them before)" if done_before else ""
        self.say(f"{completed} of {counted(len(entries), 'job')} completed{before}")
        for entry in entries:
            if entry.status not in ("completed", "waiting", "submitted"):
                log = entry.log or Path(entry.folder) / names.LOG
                self.say(f"{entry.status} {entry.name}: {entry.error or 'stopped'}; log: {log}")

    def _summary(
        self, running: Sequence[RunningJob], reports: Mapping[str, Report], pending: Sequence[RunningJob]
    ) -> str:
        failed = sum(entry.status != "completed" for entry in self._ended)
        parts = [f"{len(self._ended)}/{counted(self._total, 'job')} done", f"{len(running)} running"]
        if pending:
            reasons = ", ".join(sorted({one.pending for one in pending if one.pending}))
            parts.append(f"{len(pending)} pending{f' ({reasons})' if reasons else ''}")
        parts.append(f"{failed} failed")
        left = self._seconds_left(running, reports)
        return ", ".join([*parts, *([f"{left:.0f} s left"] if left is not None else [])])

    def _seconds_left(self, running: Sequence[RunningJob], reports: Mapping[str, Report]) -> float | None:
        """Estimate the seconds left, as if a waiting job took as long as the completed and the running ones."""
        took = [entry.seconds for entry in self._ended if entry.seconds and entry.status == "completed"]
        left = 0.0
        for one in running:
            said = reports[one.job.name]
            if said.step and said.total:
                whole = one.seconds * said.total / said.step
                took.append(whole)
                left += max(0.0, whole - one.seconds)
        if not took:
            return None
        left += (self._total - len(self._ended) - len(running)) * sum(took) / len(took)
        return left / max(min(self._n_jobs, self._total - len(self._ended)), 1)


def _table_of_jobs(entries: Sequence[Entry]) -> Table:
    headings = ("job", "status", "step", "train/loss", "test/loss", *metrics_of(entries), "seconds")
    return plain_table(headings, [[_cell(entry, heading) for heading in headings] for entry in entries])


def _table_of_seeds(entries: Sequence[Entry], shared: Mapping[str, Any]) -> Table | None:
    """A row for each configuration; None if no two jobs differ in their seed alone."""
    swept = {key for entry in entries for key in _swept(entry)}
    rows = rows_of([_as_run(entry, shared) for entry in entries])
    if len(rows) == len(entries):
        return None
    results = ("train/loss", "test/loss", *metrics_of(entries), "seconds")
    cells = [
        [
            _words({key: text for key, text in row.shared.items() if key in swept}) or "all jobs",
            row.count,
            *(row.text(result) for result in results),
        ]
        for row in rows
    ]
    return plain_table(("jobs", "n", *results), cells)


def _swept(entry: Entry) -> dict[str, Any]:
    """The values of a job's overrides by their keys, as YAML reads them."""
    return {
        key: value_of(text, deepest=DEEPEST)
        for key, _, text in (override.partition("=") for override in entry.overrides)
    }


def _as_run(entry: Entry, shared: Mapping[str, Any]) -> Run:
    """A job as a run that can be compared, without a look into its folder."""
    config = {**shared, **_swept(entry)}
    results = {**(entry.result or {}), "status": entry.status, "seconds": entry.seconds}
    return Run(Path(entry.folder), config, results, {"started": entry.launched or ""})


def _words(config: Mapping[str, str]) -> str:
    return " ".join(f"{key.rpartition('.')[2]}={value}" for key, value in config.items())


def _where(report: Report) -> str:
    if not report.total:
        return "starting"
    loss = "" if report.loss is None else f" loss {report.loss:.4f}"
    return f"step {report.step}/{report.total}{loss}"


def _cell(entry: Entry, heading: str) -> str:
    if heading == "seconds":
        return "" if entry.seconds is None else f"{entry.seconds:.1f}"
    value = {"job": entry.name, "status": entry.status, **(entry.result or {})}.get(heading)
    if value is None:
        return ""
    return metric_text(heading, value) if isinstance(value, float) else str(value)


def _result(entry: Entry) -> str:
    shown = next((name for name in metrics_of([entry]) if (entry.result or {})[name] is not None), "train/loss")
    return f"{shown} {_cell(entry, shown) or 'none'}"
