"""A report as one HTML page, without anything from a network: the answer first, and all figures in it as JSON."""

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from exp.config import yaml_text
from exp.errors import UserError
from exp.terminal.words import metric_text

_BEGIN = '<script type="application/json" id="findings">'
_END = "</script>"
_PICTURE = re.compile(r'<img alt="[A-Za-z0-9 ,:%]*" src="data:image/svg\+xml;base64,[A-Za-z0-9+/=]*">')
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a }
h1 { line-height: 1.2 } table { border-collapse: collapse; margin: 1rem 0; font-size: 0.9rem }
th, td { padding: 0.3rem 0.7rem; text-align: left; border-bottom: 1px solid #ddd; vertical-align: top }
td.number { text-align: right; font-variant-numeric: tabular-nums } th { cursor: pointer; white-space: nowrap }
.answer { font-size: 1.2rem; padding: 0.6rem 1rem; margin: 0.6rem 0; border-left: 0.4rem solid #777 }
.better { border-color: #2a7f3f } .worse { border-color: #b03030 } .equivalent, .identical { border-color: #2f5d9b }
.note { color: #555 } code { font-size: 0.85em; overflow-wrap: anywhere }
img { max-width: 100% } .wide { overflow-x: auto }
@media print {
  body { margin: 0; max-width: none; font-size: 10pt } .wide { overflow: visible }
  table { font-size: 7.5pt } th, td { padding: 0.2rem 0.4rem; overflow-wrap: break-word } th { white-space: normal }
  tr, img, .answer, h2 { break-inside: avoid } h2 { break-after: avoid } td:first-child { min-width: 9rem }
}
"""
_SCRIPT = """
for (const head of document.querySelectorAll("th")) head.addEventListener("click", () => {
  const body = head.closest("table").tBodies[0], place = head.cellIndex, down = head.dataset.down !== "yes";
  const key = row => row.cells[place].dataset.value ?? row.cells[place].textContent;
  const number = text => text === "" ? NaN : Number(text);
  const rows = [...body.rows].sort((one, other) => {
    const [a, b] = [key(one), key(other)], [x, y] = [number(a), number(b)];
    const order = isNaN(x) || isNaN(y) ? (isNaN(x) - isNaN(y)) || a.localeCompare(b) : x - y;
    return down ? order : -order;
  });
  body.append(...rows);
  for (const other of head.parentNode.cells) delete other.dataset.down;
  head.dataset.down = down ? "yes" : "no";
});
"""
_HASH = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
_POLICY = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{_HASH}'"
"""Nothing is loaded, and no script runs but the one of this page."""


def page(found: Mapping[str, Any], *, forest: bytes, curves: bytes, searched: bytes | None = None) -> str:
    """The page.

    Args:
        found: what `findings` gives.
        forest: the differences, as SVG.
        curves: the losses, as SVG.
        searched: what so many trials find, as SVG, if the findings have it.
    """
    asked = found["question"]
    question = _question(asked)
    data = json.dumps(found, indent=1, allow_nan=False).replace("<", "\\u003c")
    parts = [
        f"<h1>{_text(question)}</h1>",
        *(_answer(one, asked["metric"]) for one in found["comparisons"]),
        f"<p class=note>{_text(_terms(found))}</p>",
        _picture(forest, "The differences with their 95 % intervals"),
        "<h2>Comparisons</h2>",
        _comparisons(found["comparisons"]),
        "<h2>Configurations</h2>",
        _rows(found["rows"], asked["metric"]),
        _picture(curves, "The training losses: means over seeds, and bands from the lowest to the highest"),
        *([] if searched is None else _trials(found["trials"], searched)),
        "<h2>Runs</h2>",
        _runs(found["runs"], asked["metric"]),
        "<h2>To check this, and to have it again</h2>",
        "<p>Where the run folders are, <code>exp report --verify FILE.html</code> reads them again and "
        "compares every figure; with <code>--again 2</code> it runs two of the runs again. If they were moved, name "
        "their folder, too.</p>",
        "<p>A run is had again, and compared to the last bit, with <code>exp reproduce RUN</code> at its "
        "commit; what was not committed is in its <code>uncommitted.patch</code>.</p>",
        f"{_BEGIN}{data}{_END}",
        f"<script>{_SCRIPT}</script>",
    ]
    head = (
        f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f'<meta name="viewport" content="width=device-width"><title>{_text(question)}</title><style>{_STYLE}</style>'
    )
    body = "\n".join(parts)
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'


def findings_in(text: str) -> dict[str, Any]:
    """The findings that a page holds.

    Raises:
        UserError: it is no page of a report.
    """
    _, begin, rest = text.partition(_BEGIN)
    data, end, _ = rest.partition(_END)
    try:
        found = json.loads(data) if begin and end else None
        found = _Findings.model_validate(found).model_dump(exclude_unset=True)
    except (ValueError, RecursionError) as error:
        raise UserError("it is no report, or it is damaged") from error
    return found


class _Stored(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)


class _Question(_Stored):
    baseline: dict[str, str]
    metric: str
    goal: Literal["max", "min"]
    margin: float | None
    accepted: list[str]
    at: str | None


class _Asked(_Stored):
    places: list[str]
    where: list[str]
    trials: bool = False


class _Registered(_Stored):
    sentence: str


class _OfRun(_Stored):
    run: str
    files: dict[str, str | None]


class _Findings(_Stored):
    """What is read of the findings in a page, which may be a stranger's."""

    asked: _Asked
    question: _Question
    registered: _Registered
    runs: list[_OfRun]


def without_pictures(text: str) -> str:
    """A page without the pictures that a page has, and with everything else."""
    return _PICTURE.sub("<img>", text)


def _question(asked: Mapping[str, Any]) -> str:
    against = ", ".join(f"{key}={value}" for key, value in asked["baseline"].items())
    at = f" at {asked['at']}" if asked["at"] else ""
    return f"{asked['metric']}{at}, compared with {against}"


def _terms(found: Mapping[str, Any]) -> str:
    asked, count = found["question"], len(found["comparisons"])
    words = [f"{'More' if asked['goal'] == 'max' else 'Less'} is better."]
    if asked["margin"] is not None:
        words.append(f"Differences up to {asked['margin']:g} do not matter.")
    if asked["accepted"]:
        words.append(f"Said not to matter: {', '.join(asked['accepted'])}.")
    if count > 1:
        words.append(f"p-values are adjusted for the comparisons that were made ({count}), by Holm's method.")
    if found["asked"]["where"]:
        words.append(f"Only runs with {' and '.join(found['asked']['where'])} are looked at.")
    standing = str(found["registered"]["sentence"])
    return " ".join([*words, f"{standing[:1].upper()}{standing[1:]}."])


def _answer(one: Mapping[str, Any], metric: str) -> str:
    figures = ""
    if one["low"] is not None:
        figures = f": {_change(metric, one['difference'])}, 95 % interval {_change(metric, one['low'])} to "
        figures += f"{_change(metric, one['high'])}, p = {one['p_holm']:.2g}, n = {one['n']}"
    elif one["n"]:
        figures = f": {_change(metric, one['difference'])}, n = {one['n']}"
    needed = f"; {one['seeds_needed']} seeds of each would decide it" if one["seeds_needed"] else ""
    why = "".join(f"<br><span class=note>{_text(sentence)}</span>" for sentence in one["confounders"])
    said = _text(f"{figures}{needed}")
    return f"<div class='answer {one['verdict']}'><b>{_text(one['name'])}: {one['verdict']}</b>{said}{why}</div>"


def _comparisons(made: Sequence[Mapping[str, Any]]) -> str:
    keys = ("n", "method", "difference", "low", "high", "p", "p_holm", "p_exact", "probability_better", "effect")
    heads = ("n", "method", "difference", "low", "high", "p", "p (Holm)", "p (exact)", "P(better)", "effect")
    rows = [[one["name"], one["verdict"], *(one[key] for key in keys), ", ".join(one["left_out"])] for one in made]
    return _table(["", "verdict", *heads, "left out"], rows)


def _rows(rows: Sequence[Mapping[str, Any]], metric: str) -> str:
    keys = list(dict.fromkeys(key for row in rows for key in row["config"]))
    counts = ("n", "failed", "reruns", "mean", "std")
    cells = []
    for row in rows:
        config, figures = (row["config"].get(key) for key in keys), (row[key] for key in counts)
        cells.append([*config, row["verdict"], *figures, "; ".join(row["notes"])])
    return _table([*keys, "verdict", *counts[:3], f"mean {metric}", "std", "notes"], cells)


def _runs(runs: Sequence[Mapping[str, Any]], metric: str) -> str:
    keys = ("run", "seed", "status", "value", "weights_sha256", "config_hash", "git.commit", "git.patch", "started")
    heads = ["run", "seed", "status", metric, "weights", "configuration", "commit", "patch", "started"]
    short = ("weights_sha256", "config_hash", "git.commit", "git.patch")
    cells = [[str(run[key] or "")[:10] if key in short else run[key] for key in keys] for run in runs]
    return _table(heads, cells)


def _trials(found: Mapping[str, Any], curves: bytes) -> list[str]:
    """What searches are expected to find: a curve, a table, and what makes its figures less than they seem."""
    names = [" ".join(f"{key}={yaml_text(value)}" for key, value in one["group"].items()) for one in found["groups"]]
    keys = ("k", "mean", "std", "none")
    rows = [
        [name, *(one[key] for key in keys)]
        for name, group in zip(names, found["groups"], strict=True)
        for one in group["expected"]
    ]
    chosen = f"{found['metric']} of the trial with the best {found['selected_on']} among k trials, over all sets of k."
    return [
        "<h2>What a search would find</h2>",
        f"<p>{_text(chosen)}</p>",
        _picture(curves, "The means over all sets of k trials, and bands of one standard deviation"),
        _table(["search", "k", f"mean {found['metric']}", "std", "P(no figure)"], rows),
        *(f"<p class=note>{_text(note)}</p>" for note in found["notes"]),
    ]


def _table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table without the columns that have nothing in any row."""
    shown = [place for place in range(len(heads)) if not rows or any(row[place] not in (None, "") for row in rows)]
    head = "".join(f"<th>{_text(heads[place])}</th>" for place in shown)
    body = "\n".join(f"<tr>{''.join(_cell(row[place]) for place in shown)}</tr>" for row in rows)
    return f"<div class=wide><table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table></div>"


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f'<td class=number data-value="{value!r}">{value:.5g}</td>'
    if isinstance(value, int) and not isinstance(value, bool):
        return f"<td class=number>{value}</td>"
    return f"<td>{'' if value is None else _text(value if isinstance(value, str) else yaml_text(value))}</td>"


def _picture(svg: bytes, alt: str) -> str:
    return f'<img alt="{_text(alt)}" src="data:image/svg+xml;base64,{base64.b64encode(svg).decode()}">'


def _change(metric: str, value: float) -> str:
    text = metric_text(metric, abs(value))
    sign = "-" if value < 0 else "+"
    return f"{sign}{text.removesuffix('%')} points" if text.endswith("%") else f"{sign}{text}"


def _text(value: object) -> str:
    return html.escape(str(value))
