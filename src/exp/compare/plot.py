"""Draws a comparison: the runs' loss curves and, if two keys were swept, a heat map."""

import io
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from exp.compare.rows import Row
from exp.errors import UserError
from exp.system.streams import printable
from exp.terminal.tables import shortened

MOST_CURVES = 12
LONGEST_LABEL = 60


def plot(rows: Sequence[Row], keys: Sequence[str], metric: str, path: Path) -> None:
    """Write a PNG.

    Raises:
        UserError: it cannot be written, or a curve cannot be read.
    """
    save(curves(rows, keys, metric), path)


def curves(rows: Sequence[Row], keys: Sequence[str], metric: str) -> Any:
    """A figure of the loss curves, and of a heat map if two keys differ."""
    grid = _grid(rows, keys, metric)
    figure = new_figure(13 if grid else 7, 5)
    axes = figure.subplots(1, 2 if grid else 1, squeeze=False)[0]
    _curves(axes[0], rows, keys)
    if grid:
        _heat_map(axes[1], grid, keys, metric)
    return figure


def new_figure(width: float, height: float) -> Any:
    """An empty figure that needs no screen; sizes are in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def as_svg(figure: Any) -> bytes:
    """A figure as SVG, the same bytes for the same figure."""
    import matplotlib

    file = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "exp"}):
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()


def save(figure: Any, path: Path) -> None:
    """Write a figure as a PNG.

    Raises:
        UserError: it cannot be written.
    """
    try:
        figure.savefig(path, format="png", dpi=120)
    except OSError as error:
        raise UserError(f"--plot {path}: cannot be written ({error.strerror})") from error


def _curves(axes: Any, rows: Sequence[Row], keys: Sequence[str]) -> None:
    """The mean of a row's seeds over a band from the lowest to the highest; of a single one over its own, faint."""
    for row in rows[:MOST_CURVES]:
        steps, losses = _losses(row)
        if not steps.size:
            continue
        smooth = np.array([_smooth(of_seed) for of_seed in losses])
        label = " ".join(f"{key.rpartition('.')[2]}={row.text(key)}" for key in keys) or row.name
        (line,) = axes.plot(steps, smooth.mean(axis=0), label=plain_text(f"{label}, n = {row.count}"))
        if len(losses) > 1:
            axes.fill_between(steps, smooth.min(axis=0), smooth.max(axis=0), color=line.get_color(), alpha=0.2, lw=0)
        else:
            axes.plot(steps, losses[0], color=line.get_color(), alpha=0.2)
    hidden = len(rows) - MOST_CURVES
    axes.set(xlabel="step", ylabel="train/loss", yscale="log", title=f"and {hidden} more rows" if hidden > 0 else "")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize="small")


def _losses(row: Row) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """The steps that all seeds of a row have logged, and their losses: (n, steps).

    Seeds that did not complete are left out, unless none did.
    """
    runs = row.counted or list(row.runs)
    logged = [dict(run.losses()) for run in runs]
    steps = sorted(set.intersection(*(set(of_run) for of_run in logged)))
    return np.array(steps), np.array([[of_run[step] for step in steps] for of_run in logged])


def _smooth(losses: npt.NDArray[Any]) -> npt.NDArray[Any]:
    width = max(1, len(losses) // 30)
    return np.convolve(np.pad(losses, (width - 1, 0), "edge"), np.ones(width) / width, "valid")


def _grid(rows: Sequence[Row], keys: Sequence[str], metric: str) -> dict[tuple[str, str], float] | None:
    if len(keys) != 2:
        return None
    cells = {
        (plain_text(row.text(keys[0])), plain_text(row.text(keys[1]))): statistics.fmean(row.numbers(metric))
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
    axes.set(xlabel=plain_text(keys[1]), ylabel=plain_text(keys[0]), title=plain_text(metric))
    axes.figure.colorbar(picture, ax=axes)


def plain_text(text: str) -> str:
    """Escape a text for Matplotlib, which looks for formulas between dollars and hides labels that begin with `_`."""
    plain = shortened(printable(text).replace("\n", " "), LONGEST_LABEL).replace("$", r"\$")
    return f" {plain}" if plain.startswith("_") else plain


def _natural(text: str) -> tuple[int, float, str]:
    try:
        return 0, float(text), ""
    except ValueError:
        return 1, 0.0, text
