"""Draws a comparison: the runs' loss curves and, if two keys were swept, a heat map."""

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from exp.compare.rows import Row
from exp.errors import UserError
from exp.system.streams import printable
from exp.terminal.tables import shortened

MOST_CURVES = 12
LONGEST_LABEL = 60


def plot(rows: Sequence[Row], keys: Sequence[str], metric: str, path: Path) -> None:
    """Write a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    grid = _grid(rows, keys, metric)
    figure = Figure(figsize=(13 if grid else 7, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, 2 if grid else 1, squeeze=False)[0]
    _curves(axes[0], rows, keys)
    if grid:
        _heat_map(axes[1], grid, keys, metric)
    try:
        figure.savefig(path, format="png", dpi=120)
    except OSError as error:
        raise UserError(f"--plot {path}: cannot be written ({error.strerror})") from error


def _curves(axes: Any, rows: Sequence[Row], keys: Sequence[str]) -> None:
    """A smoothed curve over a faint one for each run, the first of a row."""
    for row in rows[:MOST_CURVES]:
        points = row.runs[0].losses()
        if not points:
            continue
        steps, losses = np.array(points).T
        width = max(1, len(losses) // 30)
        smooth = np.convolve(np.pad(losses, (width - 1, 0), "edge"), np.ones(width) / width, "valid")
        label = " ".join(f"{key.rpartition('.')[2]}={row.text(key)}" for key in keys) or row.name
        (line,) = axes.plot(steps, smooth, label=_text(label))
        axes.plot(steps, losses, color=line.get_color(), alpha=0.2)
    hidden = len(rows) - MOST_CURVES
    axes.set(xlabel="step", ylabel="train/loss", yscale="log", title=f"and {hidden} more runs" if hidden > 0 else "")
    axes.legend(fontsize="small")


def _grid(rows: Sequence[Row], keys: Sequence[str], metric: str) -> dict[tuple[str, str], float] | None:
    if len(keys) != 2:
        return None
    cells = {
        (_text(row.text(keys[0])), _text(row.text(keys[1]))): statistics.fmean(row.numbers(metric))
        for row in rows
        if row.numbers(metric)
    }
    return cells or None


def _heat_map(axes: Any, grid: dict[tuple[str, str], float], keys: Sequence[str], metric: str) -> None:
    names = [sorted({cell[axis] for cell in grid}, key=_natural) for axis in (0, 1)]
    values = np.full((len(names[0]), len(names[1])), np.nan)
    for (one, other), value in grid.items():
        values[names[0].index(one), names[1].index(other)] = value
    picture = axes.imshow(values, cmap="viridis", aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        if not np.isnan(value):
            axes.text(column, row, f"{value:.4g}", ha="center", va="center", color="white", backgroundcolor="#0006")
    axes.set_xticks(range(len(names[1])), names[1])
    axes.set_yticks(range(len(names[0])), names[0])
    axes.set(xlabel=_text(keys[1]), ylabel=_text(keys[0]), title=_text(metric))
    axes.figure.colorbar(picture, ax=axes)


def _text(text: str) -> str:
    """Escape a text for Matplotlib, which looks for formulas between dollars and hides labels that begin with `_`."""
    plain = shortened(printable(text).replace("\n", " "), LONGEST_LABEL).replace("$", r"\$")
    return f" {plain}" if plain.startswith("_") else plain


def _natural(text: str) -> tuple[int, float, str]:
    try:
        return 0, float(text), ""
    except ValueError:
        return 1, 0.0, text
