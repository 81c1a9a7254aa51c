"""Prints the table of a comparison: for people, as Markdown, as CSV or as JSON."""

import csv
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from exp.compare.confounders import confounders
from exp.compare.json_values import plain
from exp.compare.rows import Row, incomplete
from exp.compare.table import metrics_of, selected_on_test
from exp.system.streams import printable
from exp.terminal.tables import Table, line_width, most_of, one_line, plain_table

OF_EVERY_RUN = ("status", "step", "train/loss", "test/loss", "examples_per_second")
"""The results that are shown of every run, whatever its task; its metrics stand before the last one."""
COUNTS = ("n", "failed", "reruns")
BEHIND = "!"
"""Marks the count of a row that is not to be ranked with the others."""
MOST_SENTENCES = 12


@dataclass(frozen=True)
class Columns:
    """What a table shows of each row."""

    keys: Sequence[str]
    """Configuration keys."""
    results: Sequence[str]
    """Results, which of several runs have a mean and a standard deviation."""

    @property
    def all(self) -> list[str]:
        """Every key and result, in the order of the table."""
        return list(dict.fromkeys([*self.keys, *self.results]))


def columns_of(rows: Sequence[Row], keys: Sequence[str], *, wanted: Sequence[str], also: str | None) -> Columns:
    """What is shown: what is wanted; else the keys given, the results of every run, their metrics, and one key more."""
    if wanted:
        in_config = [key for key in wanted if any(key in run.config for row in rows for run in row.runs)]
        return Columns(in_config, [key for key in wanted if key not in in_config])
    results = [*OF_EVERY_RUN[:-1], *metrics_of(rows), OF_EVERY_RUN[-1]]
    return Columns(keys, [*results, *([also] if also and also not in (*keys, *results) else [])])


def print_csv(rows: Sequence[Row], columns: Columns) -> None:
    """Cells for programs: numbers in full, whole paths, control characters escaped; a mean stands beside its spread."""
    numeric = _numeric(rows, columns)
    spread = [heading for key in columns.results for heading in ([key, f"{key} std"] if key in numeric else [key])]
    headings = list(dict.fromkeys(["run", *columns.keys, *COUNTS, *spread]))
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(headings)
    for row in rows:
        cells = {"run": str(row.runs[0].folder), **{key: row.value(key) for key in columns.all}}
        cells |= {"n": row.n, "failed": row.failed, "reruns": row.reruns}
        cells |= {f"{key} std": row.std(key) for key in numeric}
        written = [cells[heading] for heading in headings]
        writer.writerow([printable(value) if isinstance(value, str) else value for value in written])


def _numeric(rows: Sequence[Row], columns: Columns) -> set[str]:
    """The results that are numbers, and vary with the seed."""
    return {key for key in columns.results if key != "step" and any(row.by_seed(key) for row in rows)}


def print_json(rows: Sequence[Row], columns: Columns, *, more: Mapping[str, Any] | None = None) -> None:
    """The rows as an object for programs, with what else was asked for."""
    numeric, metric = _numeric(rows, columns), next(iter(metrics_of(rows)), "test/loss")
    made = [
        {
            "run": str(row.runs[0].folder),
            "runs": [str(run.folder) for run in row.runs],
            "config": {key: row.value(key) for key in columns.keys},
            **{"n": row.n, "failed": row.failed, "reruns": row.reruns},
            "results": {key: _figures(row, key) if key in numeric else row.value(key) for key in columns.results},
            "notes": [one.sentence for one in confounders([row], metric)],
        }
        for row in rows
    ]
    print(json.dumps(plain({"rows": made, **(more or {})}), indent=2, allow_nan=False))


def _figures(row: Row, key: str) -> dict[str, Any]:
    return {"n": len(row.by_seed(key)), "mean": row.mean(key), "std": row.std(key)}


def print_table(rows: Sequence[Row], columns: Columns, *, markdown: bool, first: str | None) -> None:
    """A table for people; below it stands what makes its figures less than they seem.

    Args:
        rows: in the order of the table.
        columns: what is shown of them.
        markdown: print Markdown, and everything, however wide.
        first: the column that has room before all others.
    """
    behind = set(map(id, incomplete(rows)))
    headings = ["run", *columns.keys, "n", *columns.results]
    cells = [
        [
            row.name,
            *(row.text(key) for key in columns.keys),
            f"{row.count} {BEHIND}" if id(row) in behind else row.count,
            *(row.text(key) for key in columns.results),
        ]
        for row in rows
    ]
    table = plain_table(headings, cells)
    if markdown:
        for line in (table.headings, ["---"] * len(headings), *table.rows):
            print(f"| {' | '.join(cell.replace('|', f'{chr(92)}|') for cell in line)} |")
    else:
        lines, left_out = most_of(table, line_width(), _by_importance(table, columns.results, first))
        print("\n".join(lines))
        if left_out:
            every = "--keys KEY,... shows the keys it names, --csv and --markdown all"
            print(f"\nno room for {', '.join(left_out)}; {every}")
    for sentence in _notes(rows, bool(behind)):
        print(f"\n{one_line(sentence)}")


def _notes(rows: Sequence[Row], some_behind: bool) -> list[str]:
    """What makes the figures of a table less than they seem."""
    notes = []
    if some_behind:
        notes.append(f"{BEHIND} has seeds that failed, or fewer seeds than others: ranked after them")
    chosen = selected_on_test(rows)
    if chosen:
        notes.append(f"selected on the test set, so that their test figures are too good: {', '.join(chosen)}")
    metric = next(iter(metrics_of(rows)), "test/loss")
    said = ("failed", "selected on test")
    inside = [one.sentence for row in rows for one in confounders([row], metric) if one.name not in said]
    notes += inside[:MOST_SENTENCES]
    return notes + ([f"and {len(inside) - MOST_SENTENCES} more"] if len(inside) > MOST_SENTENCES else [])


def _by_importance(table: Table, results: Sequence[str], first: str | None) -> list[str]:
    """Columns in the order in which they get room: what came out, then what differs, then what else came out."""
    varying = [name for name, *cells in zip(table.headings, *table.rows, strict=True) if len(set(cells)) > 1]
    status = [name for name in varying if name == "status"]
    keys = [key for key in table.headings if key not in results]
    metrics = [key for key in results if key not in OF_EVERY_RUN]
    order = ["run", first or "run", "n", "seed", *metrics, *status, *keys, "test/loss", "train/loss", *results]
    return [key for key in dict.fromkeys(order) if key in table.headings]
