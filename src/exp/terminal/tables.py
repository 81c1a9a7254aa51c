"""Tables for people, as lines of text: as wide as they may be, and never folded by letters.

A table that is too wide is turned, written as a block for each row, or loses columns, which are then named.
"""

import os
import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from exp.system.streams import printable

WIDTH_ELSEWHERE = 250
"""Letters of a line if there is no terminal and COLUMNS is not set."""
MOST_OF_A_CELL = 24
"""Letters to which a cell is shortened if not all columns fit."""
_GAP = "  "
_NUMBER = re.compile(r"[-+]?[\d.,]+(e[-+]?\d+)?( ?%)?( ± .*)?|")
_BREAKS = re.compile(r"(?<=[._/ -])(?=.)")


@dataclass(frozen=True)
class Table:
    """Headings and rows of text, the first column of which says what a row is about."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    broken: bool = False
    """Whether headings are broken between their words, to be narrow."""

    def turned(self) -> "Table":
        """Rows as columns."""
        first, *others = zip(self.headings, *self.rows, strict=True)
        return Table([str(cell) for cell in first], [[str(cell) for cell in row] for row in others])

    def columns(self, names: Sequence[str]) -> "Table":
        """Some columns, in the order they have here."""
        places = [place for place, name in enumerate(self.headings) if name in names]
        return replace(
            self, headings=[self.headings[n] for n in places], rows=[[row[n] for n in places] for row in self.rows]
        )

    def shortened(self) -> "Table":
        """Long cells without their middle."""
        return replace(self, rows=[[shortened(cell) for cell in row] for row in self.rows])

    def widths(self) -> list[int]:
        """The width of each column, in letters."""
        columns = list(zip(*self.rows, strict=True)) if self.rows else [() for _ in self.headings]
        return [
            max(width_of(text) for text in (*(_pieces(heading) if self.broken else [heading]), *column))
            for heading, column in zip(self.headings, columns, strict=True)
        ]

    def fits(self, width: int) -> bool:
        """Whether no line of the table has more than `width` letters."""
        widths = self.widths()
        return sum(widths) + len(_GAP) * (len(widths) - 1) <= width

    def lines(self) -> list[str]:
        """The table as text."""
        widths = self.widths()
        right = [all(_NUMBER.fullmatch(row[n]) for row in self.rows) for n in range(len(widths))]
        heads = [_wrapped(heading, width) for heading, width in zip(self.headings, widths, strict=True)]
        height = max(len(head) for head in heads)
        above = [[""] * (height - len(head)) + head for head in heads]
        shown = [*zip(*above, strict=True), ["─" * width for width in widths], *self.rows]
        return [_line(cells, widths, right) for cells in shown]

    def blocks(self, width: int) -> list[str]:
        """A block for each row, a line for each cell, broken between words."""
        lines: list[str] = []
        for row in self.rows:
            lines += [row[0], *(f"{_GAP}{name}: {cell}" for name, cell in zip(self.headings[1:], row[1:], strict=True))]
        wrap: Callable[[str], list[str]] = textwrap.TextWrapper(
            width=width, subsequent_indent=_GAP * 2, break_long_words=False, break_on_hyphens=False
        ).wrap
        return [part for line in lines for part in wrap(line)]


def plain_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A table of texts that may come from anywhere: each cell is one line, without control characters."""
    return Table([one_line(heading) for heading in headings], [[one_line(cell) for cell in row] for row in rows])


def whole(table: Table, width: int) -> list[str]:
    """The lines of a whole table: as it is, turned, or as blocks, whichever fits first."""
    ways = [table, table.turned()] if table.rows else [table]
    for way in [*ways, *(replace(way, broken=True) for way in ways)]:
        if way.fits(width):
            return way.lines()
    return table.blocks(width)


def most_of(table: Table, width: int, order: Sequence[str]) -> tuple[list[str], list[str]]:
    """The lines of a table with as many columns as fit, and the names of the columns that are left out.

    Args:
        table: whose cells may be shortened.
        width: in letters.
        order: the names of its columns, the most important one first.
    """
    for way in (table, table.shortened(), replace(table.shortened(), broken=True)):
        if way.fits(width):
            return way.lines(), []
    table = replace(table.shortened(), broken=True)
    chosen: list[str] = []
    for name in order:
        if table.columns([*chosen, name]).fits(width):
            chosen.append(name)
    if not chosen:
        return table.blocks(width), []
    return table.columns(chosen).lines(), [name for name in order if name not in chosen]


def facts(rows: Sequence[tuple[str, str]], width: int) -> list[str]:
    """Names and what belongs to them, side by side; broken between words, so that a path stays whole."""
    names = max((width_of(name) for name, _ in rows), default=0)
    lines: list[str] = []
    for name, value in rows:
        margin = " " * (names + len(_GAP))
        wrapper = textwrap.TextWrapper(
            width=max(width, 2 * len(margin)),
            initial_indent=f"{name}{margin[width_of(name) :]}",
            subsequent_indent=margin,
            break_long_words=False,
            break_on_hyphens=False,
        )
        lines += wrapper.wrap(one_line(value)) or [name]
    return lines


def line_width() -> int:
    """Letters of a line on stdout."""
    known = sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdigit()
    return shutil.get_terminal_size().columns if known else WIDTH_ELSEWHERE


def width_of(text: str) -> int:
    """Columns of a terminal that a text takes; Chinese characters take two."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def shortened(text: str, most: int = MOST_OF_A_CELL) -> str:
    """Shorten a text to `most` letters by leaving out its middle."""
    if len(text) <= most:
        return text
    end = (most - 1) // 4  # the times at which folders were made stand before what they have in common
    return f"{text[: most - 1 - end]}…{text[-end:]}"


def one_line(text: str) -> str:
    """A text as one line, without control characters."""
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")


def _pieces(heading: str) -> list[str]:
    return [piece.rstrip() for piece in _BREAKS.split(heading)]


def _wrapped(heading: str, width: int) -> list[str]:
    """A heading in lines of at most this width, broken between its words."""
    lines = [""]
    for piece in _BREAKS.split(heading):
        if lines[-1] and width_of(lines[-1] + piece.rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return [line.rstrip() for line in lines]


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    placed = []
    for cell, width, to_right in zip(cells, widths, right, strict=True):
        space = " " * (width - width_of(cell))
        placed.append(f"{space}{cell}" if to_right else f"{cell}{space}")
    return _GAP.join(placed).rstrip()
