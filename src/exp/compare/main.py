"""`scripts/compare.py`: runs side by side."""

import argparse
import csv
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table

from exp.compare.diff import differences
from exp.compare.runs import Run, find_runs, read_run
from exp.compare.table import RESULTS, Row, check_key, choose, differing, group, sort
from exp.errors import UserError
from exp.plain_console import PlainConsole
from exp.terminal import outlast

DESCRIPTION = """Compare runs: what differs between their configurations, and what came out.

  python scripts/compare.py outputs
  python scripts/compare.py outputs --where model=cnn --sort test/accuracy
  python scripts/compare.py outputs/SWEEP --plot sweep.png --markdown
  python scripts/compare.py --diff RUN_A RUN_B

Runs that differ in their seed alone are one row, with the mean and the standard deviation.
"""


def main() -> int:
    """Run this process's command line; returns the exit status."""
    outlast()
    arguments = _parser().parse_args(sys.argv[1:])
    try:
        if arguments.diff:
            _print_diff(*(read_run(folder) for folder in arguments.diff))
        else:
            _compare(arguments)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _compare(arguments: argparse.Namespace) -> None:
    if not arguments.places:
        raise UserError("DIR: which folders? For example: python scripts/compare.py outputs")
    found = find_runs(arguments.places)
    for option, key in (("--sort", arguments.sort), ("--metric", arguments.metric)):
        if key:
            check_key(option, key, found)
    runs = choose(found, arguments.where)
    rows = [Row([run]) for run in runs] if arguments.each else group(runs)
    keys = differing(rows)
    rows = sort(rows, arguments.sort) if arguments.sort else rows
    extra = [arguments.sort] if arguments.sort and arguments.sort not in (*keys, *RESULTS) else []
    headings = ["run", *(["seed"] if arguments.each else []), *keys, *RESULTS, *extra]
    cells = [[row.name if key == "run" else row.text(key) for key in headings] for row in rows]
    if arguments.csv:
        csv.writer(sys.stdout, lineterminator="\n").writerows([headings, *_exact(rows, headings)])
    elif arguments.markdown:
        for line in (headings, ["---"] * len(headings), *cells):
            print(f"| {' | '.join(line)} |")
    else:
        _print_table(headings, cells)
    if arguments.plot:
        from exp.compare.plot import plot

        plot(rows, keys, arguments.metric, arguments.plot)
        print(arguments.plot, file=sys.stderr if arguments.csv or arguments.markdown else sys.stdout)


def _exact(rows: Sequence[Row], headings: Sequence[str]) -> list[list[Any]]:
    """For programs: numbers in full, means without their spread, whole paths."""
    return [[str(row.runs[0].folder) if key == "run" else row.value(key) for key in headings] for row in rows]


def _print_table(headings: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    table = Table(box=box.SIMPLE)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in cells:
        table.add_row(*row)
    # On a terminal the table fits it; elsewhere nothing is cut.
    console = PlainConsole()
    (console if console.is_terminal else PlainConsole(width=250)).print(table)


def _print_diff(one: Run, other: Run) -> None:
    """Config, code, packages, data, devices: all that is not the same, and how the results differ."""
    for title, different in differences(one, other).items():
        print(f"{title}: {'' if different else 'the same'}".rstrip())
        for difference in different:
            print(f"  {difference}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("places", nargs="*", type=Path, metavar="DIR", help="run folders, or folders that hold some")
    parser.add_argument("--where", action="append", default=[], metavar="KEY=VALUE", help="only runs like this")
    parser.add_argument("--sort", metavar="KEY", help="a key or result, such as test/accuracy; the best first")
    parser.add_argument("--each", action="store_true", help="a row for each run, also where only the seed differs")
    parser.add_argument("--csv", action="store_true", help="print CSV, with numbers in full")
    parser.add_argument("--markdown", action="store_true", help="print a Markdown table")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="loss curves; a heat map where two keys differ")
    parser.add_argument("--metric", default="test/accuracy", help="of the heat map (test/accuracy)")
    parser.add_argument("--diff", nargs=2, type=Path, metavar=("A", "B"), help="all that differs between two runs")
    return parser
