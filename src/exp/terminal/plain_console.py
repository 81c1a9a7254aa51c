"""The console of `rich` as this project uses it: a string is shown as it is. Imports `rich`, which takes its time."""

from typing import Any

from rich.console import Console
from rich.text import Text

from exp.system.streams import printable


class PlainConsole(Console):
    """Takes strings for what they are: no markup, no emoji codes, no control characters."""

    def __init__(self, **options: Any) -> None:
        """Options are those of `rich.console.Console`."""
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """Turn a string into text for `print`, tables and titles, with control characters escaped."""
        return super().render_str(printable(text), **options)


def silent() -> PlainConsole:
    """Shows nothing."""
    return PlainConsole(quiet=True)


def console() -> PlainConsole:
    """Writes lines to stdout; a long one is left to the terminal to wrap."""
    return PlainConsole(soft_wrap=True)
