"""The program behind `scripts/compare.py`: shows runs side by side."""

import argparse
import csv
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from exp.compare.diff import differences
from exp.compare.runs import Run, find_runs, read_run
from exp.compare.table import Row, check_key, choose, differing, group_by_seed, metrics_of, selected_on_test, sort
from exp.errors import UserError
from exp.system.streams import lost_output, outlast, printable
from exp.terminal.tables import Table, line_width, most_of, one_line, plain_table

DESCRIPTION = """Compare runs: what differs between their configurations, and what came out.

  python scripts/compare.py outputs
  python scripts/compare.py outputs --where model=cnn --sort test/accuracy
  python scripts/compare.py outputs/SWEEP --keys data.batch_size,test/accuracy
  python scripts/compare.py outputs/SWEEP --plot sweep.png --markdown
  python scripts/compare.py --diff RUN_A RUN_B

Runs that differ in their seed alone are one row, with the mean and the standard deviation.
"""

OF_EVERY_RUN = ("status", "step", "train/loss", "test/loss", "examples_per_second")
"""The results that are shown of every run, whatever its task; its metrics stand before the last one."""


def main() -> int:
    """Run this process's command line; returns the exit status."""
    outlast()
    arguments = _parser().parse_args(sys.argv[1:])
    try:
        if arguments.diff:
            _print_diff(*(read_run(folder) for folder in arguments.diff))
        else:
            _compare(arguments)
        problem = lost_output()
        if problem:
            raise UserError(f"stdout: cannot be written ({problem}); what was printed is not whole")
    except UserError as error:
        print(printable(str(error)), file=sys.stderr)
        return 2
    return 0


def _compare(arguments: argparse.Namespace) -> None:
    if not arguments.places:
        raise UserError("DIR: which folders? For example: python scripts/compare.py outputs")
    found, problems = find_runs(arguments.places)
    for problem in problems:
        print(printable(f"left out: {problem}"), file=sys.stderr)
    wanted = [key for keys in arguments.keys for key in keys.split(",") if key != "run"]
    asked = [("--sort", arguments.sort), ("--metric", arguments.metric), *(("--keys", key) for key in wanted)]
    for option, key in asked:
        if key:
            check_key(option, key, found)
    runs = choose(found, arguments.where)
    rows = [Row([run]) for run in runs] if arguments.each else group_by_seed(runs)
    keys = differing(rows)
    rows = sort(rows, arguments.sort) if arguments.sort else rows
    metrics = metrics_of(rows)
    results = [*OF_EVERY_RUN[:-1], *metrics, OF_EVERY_RUN[-1]]
    extra = [arguments.sort] if arguments.sort and arguments.sort not in (*keys, *results) else []
    shown = wanted or [*(["seed"] if arguments.each else []), *keys, *results, *extra]
    headings = list(dict.fromkeys(["run", *shown]))
    if arguments.csv:
        csv.writer(sys.stdout, lineterminator="\n").writerows([headings, *_exact(rows, headings)])
    else:
        cells = [[row.name if key == "run" else row.text(key) for key in headings] for row in rows]
        _print_table(headings, cells, results, markdown=arguments.markdown, first=arguments.sort)
        chosen = selected_on_test(rows)
        if chosen:
            print(f"\nselected on the test set, so that their test figures are too good: {one_line(', '.join(chosen))}")
    if arguments.plot:
        from exp.compare.plot import plot

        plot(
            rows,
            keys,
            arguments.metric or next((m for m in metrics if m.startswith("test/")), "test/loss"),
            arguments.plot,
        )
        print(arguments.plot, file=sys.stderr if arguments.csv or arguments.markdown else sys.stdout)


def _exact(rows: Sequence[Row], headings: Sequence[str]) -> list[list[Any]]:
    """Cells for programs: numbers in full, means without their spread, whole paths, control characters escaped."""
    exact = [[str(row.runs[0].folder) if key == "run" else row.value(key) for key in headings] for row in rows]
    return [[printable(value) if isinstance(value, str) else value for value in row] for row in exact]


def _print_table(
    headings: Sequence[str],
    cells: Sequence[Sequence[str]],
    results: Sequence[str],
    *,
    markdown: bool,
    first: str | None,
) -> None:
    table = plain_table(headings, cells)
    if markdown:
        for line in (table.headings, ["---"] * len(headings), *table.rows):
            print(f"| {' | '.join(cell.replace('|', f'{chr(92)}|') for cell in line)} |")
        return
    lines, left_out = most_of(table, line_width(), _by_importance(table, results, first))
    print("\n".join(lines))
    if left_out:
        print(f"\nno room for {', '.join(left_out)}; --keys KEY,... shows the keys it names, --csv and --markdown all")


def _by_importance(table: Table, results: Sequence[str], first: str | None) -> list[str]:
    """Columns in the order in which they get room: what came out, then what differs, then what else came out."""
    varying = [name for name, *cells in zip(table.headings, *table.rows, strict=True) if len(set(cells)) > 1]
    status = [name for name in varying if name == "status"]
    keys = [key for key in table.headings if key not in results]
    metrics = [key for key in results if key not in OF_EVERY_RUN]
    order = ["run", first or "run", "seed", *metrics, *status, *keys, "test/loss", "train/loss", *results]
    return [key for key in dict.fromkeys(order) if key in table.headings]


def _print_diff(one: Run, other: Run) -> None:
    """Config, code, packages, data, devices: all that is not the same, and how the results differ."""
    for title, different in differences(one, other).items():
        print(f"{title}: {'' if different else 'the same'}".rstrip())
        for difference in different:
            print(f"  {one_line(str(difference))}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("places", nargs="*", type=Path, metavar="DIR", help="run folders, or folders that hold some")
    parser.add_argument("--where", action="append", default=[], metavar="KEY=VALUE", help="only runs like this")
    parser.add_argument("--sort", metavar="KEY", help="a key or result, such as test/accuracy; the best first")
    parser.add_argument(
        "--keys", action="append", default=[], metavar="KEY,...", help="show only these keys and results"
    )
    parser.add_argument("--each", action="store_true", help="a row for each run, also where only the seed differs")
    parser.add_argument("--csv", action="store_true", help="print CSV, with numbers in full")
    parser.add_argument("--markdown", action="store_true", help="print a Markdown table")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="loss curves; a heat map where two keys differ")
    parser.add_argument("--metric", help="of the heat map (the first of the task's)")
    parser.add_argument("--diff", nargs=2, type=Path, metavar=("A", "B"), help="all that differs between two runs")
    return parser
