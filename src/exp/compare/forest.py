"""Draws verdicts as a forest plot: each difference with its interval, beside no difference and the margin."""

from collections.abc import Sequence
from typing import Any

from exp.compare.against import Comparison, Question
from exp.compare.plot import new_figure, plain_text

COLOURS = {"better": "#2a7f3f", "worse": "#b03030", "equivalent": "#2f5d9b", "identical": "#2f5d9b"}
"""By verdict; where there is none, grey."""


def forest(made: Sequence[Comparison], question: Question) -> Any:
    """A figure of verdicts."""
    figure = new_figure(9, 1.5 + 0.4 * len(made))
    axes = figure.subplots()
    axes.axvline(0.0, color="black", lw=1)
    if question.margin is not None:
        axes.axvspan(-question.margin, question.margin, color="#2f5d9b", alpha=0.12, lw=0)
    for place, one in enumerate(made):
        colour = COLOURS.get(one.verdict, "#777777")
        if one.estimate is None:
            continue
        low, high = one.estimate.interval()
        if low is not None and high is not None:
            axes.plot([low, high], [place, place], color=colour, lw=2, solid_capstyle="butt")
        axes.plot(one.estimate.difference, place, "s", color=colour)
    labels = [plain_text(f"{one.name} (n = {one.n}): {one.verdict}") for one in made]
    axes.set_yticks(range(len(made)), labels)
    axes.set_ylim(len(made) - 0.5, -0.5)
    better = "right" if question.goal == "max" else "left"
    axes.set_xlabel(plain_text(f"difference of {question.metric} to {question.against}"))
    axes.set_title(f"difference with its 95 % interval; {better} is better", fontsize="medium")
    return figure
