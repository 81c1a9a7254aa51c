"""The figures of `benchmarks/gpu.py` as `gpu.json` and as Markdown tables."""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

OURS = "exp"


@dataclass
class Case:
    """One network in one precision, trained by all."""

    title: str
    precision: str
    batch_size: int
    flops: int | None
    """Floating-point operations of a step; None if they could not be counted."""
    milliseconds: dict[str, list[float]] = field(default_factory=dict)
    """A step's, by contestant, round by round."""
    failed: dict[str, str] = field(default_factory=dict)
    """Why a contestant has no figures, or too few."""

    @property
    def heading(self) -> str:
        """The title and the precision."""
        return f"{self.title}, {self.precision}"

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "heading": self.heading}


def write(report: Mapping[str, Any], folder: Path) -> None:
    """Write both files."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "gpu.json").write_text(json.dumps(report, indent=2) + "\n")
    (folder / "gpu.md").write_text(table(report["cases"], report["peaks"]))


def table(cases: Sequence[Mapping[str, Any]], peaks: Mapping[str, float | None]) -> str:
    """Medians of the rounds; the share of the card's measured peak; and how much of a rival's time ours takes."""
    lines = []
    for case in cases:
        if not case["milliseconds"] and not case["failed"]:
            continue
        peak = peaks.get(case["precision"])
        measured = f"a card that gives {peak:.0f} TFLOP/s" if peak else "a card that was not measured"
        lines += [f"{case['heading']}, on {measured}", ""]
        lines += [f"| | ms a step | lowest to highest | examples/s | TFLOP/s | of the card | {OURS} takes |"]
        lines += ["|---|---:|---:|---:|---:|---:|---:|"]
        lines += [_row(case, name, values, peak) for name, values in case["milliseconds"].items()]
        lines += ["", *(f"- {name} failed: {why}" for name, why in case["failed"].items()), ""]
    return "\n".join(lines) + "\n"


def _row(case: Mapping[str, Any], name: str, values: Sequence[float], peak: float | None) -> str:
    median = statistics.median(values)
    speed = case["flops"] / median / 1e9 if case["flops"] else None
    ours = case["milliseconds"].get(OURS)
    cells = [
        name,
        f"{median:.3f}",
        f"{min(values):.3f} to {max(values):.3f}",
        f"{case['batch_size'] / median * 1000:,.0f}",
        f"{speed:.2f}" if speed else "",
        f"{speed / peak:.1%}" if speed and peak else "",
        f"{statistics.median(ours) / median:.2f} of it" if ours else "",
    ]
    return f"| {' | '.join(cells)} |"
