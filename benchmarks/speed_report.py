"""The figures of `benchmarks.speed` as `results.json`, a Markdown table, and a picture."""

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

OURS = "exp function"


def write_report(report: Mapping[str, Any], folder: Path) -> str:
    """Write all three; returns the table."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(report, indent=2) + "\n")
    table = _table(report["ms_per_step"])
    (folder / "speed.md").write_text(table)
    _draw(report["ms_per_step"], folder / "speed.png")
    return table


def _table(cases: Mapping[str, Mapping[str, Sequence[float]]]) -> str:
    """Medians, and how many times as long as ours each takes."""
    lines = []
    for case, figures in cases.items():
        ours = statistics.median(figures[OURS]) if OURS in figures else None
        lines += [f"| {case} | ms a step | of them lowest to highest | {OURS} takes |", "|---|---:|---:|---:|"]
        for name, values in figures.items():
            median = statistics.median(values)
            ratio = f"{ours / median:.2f} of it" if ours is not None else ""
            lines.append(f"| {name} | {median:.3f} | {min(values):.3f} to {max(values):.3f} | {ratio} |")
        lines.append("")
    return "\n".join(lines) + "\n"


def _draw(cases: Mapping[str, Mapping[str, Sequence[float]]], path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = {case: figures for case, figures in cases.items() if case.endswith("batch 50")} or cases
    figure = Figure(figsize=(6.5 * len(shown), 4), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (case, figures) in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown.items(), strict=True):
        names = [
            name for name in figures if name.startswith("exp ") or "," in name or "Keras" in name or "Light" in name
        ]
        names = [name for name in names if not name.startswith("every")]
        medians = {name: statistics.median(figures[name]) for name in names}
        draw_bars(axes, medians, title=f"{case}: milliseconds a step", digits=2)
    figure.savefig(path, dpi=110)


def draw_bars(axes: Any, values: Mapping[str, float], *, title: str, digits: int) -> None:
    """Draw a bar for each value, the smallest on top, ours in a colour of their own."""
    names = sorted(values, key=lambda name: values[name], reverse=True)
    colors = ["#f57c00" if name.startswith("exp ") else "#90a4ae" for name in names]
    bars = axes.barh(names, [values[name] for name in names], color=colors)
    axes.bar_label(bars, [f"{values[name]:.{digits}f}" for name in names], padding=3)
    axes.set(title=title)
    axes.spines[["top", "right"]].set_visible(False)
