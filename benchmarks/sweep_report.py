"""The figures of `benchmarks.sweep_speed` as `sweep.json`, a Markdown page, and a picture."""

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.speed_report import draw_bars

OURS = "exp sweep"


def write_report(report: Mapping[str, Any], folder: Path) -> str:
    """Write all three; returns the table.

    Args:
        report: `runs`, `commit`, the facts of the `machine`, the versions of the `packages`, and in `rounds` what
            `benchmarks.measured` found of each contestant, round by round, with the mean `accuracy` of the runs.
        folder: where `sweep.json`, `sweep.md` and `sweep.png` go.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sweep.json").write_text(json.dumps(report, indent=2) + "\n")
    table = _table(report["rounds"], report["runs"])
    (folder / "sweep.md").write_text("\n".join([table, *_rounds(report["rounds"]), *_circumstances(report)]))
    _draw(report["rounds"], report["runs"], folder / "sweep.png")
    return table


def _table(rounds: Mapping[str, Sequence[Mapping[str, float]]], runs: int) -> str:
    """Medians of the rounds."""
    ours = _median(rounds[OURS], "wall_seconds") if OURS in rounds else None
    lines = [f"| {runs} runs | wall, s | CPU, s | peak memory, MB | wall, to {OURS} | s a run |"]
    lines += ["|---|---:|---:|---:|---:|---:|"]
    for name, figures in rounds.items():
        wall = _median(figures, "wall_seconds")
        cells = [
            name,
            f"{wall:.1f}",
            f"{_median(figures, 'cpu_seconds'):.1f}",
            f"{_median(figures, 'peak_mb'):,.0f}",
            f"{wall / ours:.2f} times" if ours is not None else "",
            f"{wall / runs:.2f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _rounds(rounds: Mapping[str, Sequence[Mapping[str, float]]]) -> list[str]:
    """What was measured in each round."""
    lines = ["| round | | wall, s | CPU, s | peak memory, MB | mean accuracy |", "|---|---|---:|---:|---:|---:|"]
    for name, figures in rounds.items():
        for number, found in enumerate(figures, 1):
            measured = f"{found['wall_seconds']:.2f} | {found['cpu_seconds']:.2f} | {found['peak_mb']:.1f}"
            lines.append(f"| {number} | {name} | {measured} | {found['accuracy']:.4f} |")
    return [*lines, ""]


def _circumstances(report: Mapping[str, Any]) -> list[str]:
    facts = {**report["machine"], "commit": report["commit"]}
    versions = ", ".join(f"{name} {version}" for name, version in report["packages"].items() if version)
    return [*(f"- {name}: {value}" for name, value in facts.items()), f"- packages: {versions}", ""]


def _median(figures: Sequence[Mapping[str, float]], key: str) -> float:
    return statistics.median(found[key] for found in figures)


def _draw(rounds: Mapping[str, Sequence[Mapping[str, float]]], runs: int, path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4), layout="constrained")
    FigureCanvasAgg(figure)
    medians = {name: _median(figures, "wall_seconds") for name, figures in rounds.items()}
    draw_bars(figure.subplots(), medians, title=f"a sweep of {runs} runs: seconds", digits=1)
    figure.savefig(path, dpi=110)
