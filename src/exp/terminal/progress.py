"""Progress of long work other than training: a bar on a terminal, else a line now and then. A signal can stop it."""

import logging
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from exp.system.signals import check_current
from exp.terminal.plain_console import PlainConsole
from exp.terminal.plain_console import console as stdout

log = logging.getLogger("exp")

Item = TypeVar("Item")

SECONDS_BETWEEN_LINES = 5.0


def track(
    items: Iterable[Item], *, total: int, what: str, console: PlainConsole | None = None, logged: bool = True
) -> Iterator[Item]:
    """Yield the items one by one, and show how many of `total` are done.

    Without a terminal, work that takes less than `SECONDS_BETWEEN_LINES` prints nothing.

    Args:
        items: the work, item by item.
        total: number of items.
        what: name of the work, to be shown.
        console: where to show the progress; None for stdout.
        logged: whether lines go to the run's log, too. Without a run, Hydra would show them a second time.

    Raises:
        Stopped: the run that is under way was asked to stop.
    """
    check_current()
    console = console or stdout()
    if console.is_terminal:
        columns = (TextColumn(what, markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True, refresh_per_second=5) as progress:
            task = progress.add_task(what, total=total)
            for item in items:
                yield item
                check_current()
                progress.advance(task)
        return
    started = last_line = time.monotonic()
    for done, item in enumerate(items, 1):
        yield item
        check_current()
        now = time.monotonic()
        if now - last_line >= SECONDS_BETWEEN_LINES:
            last_line = now
            line = f"{what}: {done} of {total}, {(total - done) * (now - started) / done:.0f} s left"
            if logged:
                log.info(line)
            console.print(line)
