"""Draws what searches are expected to find: a curve for each, over the number of trials."""

from typing import Any

from exp.compare.plot import new_figure, plain_text
from exp.compare.trials import Searches

MOST_LINEAR = 20
"""Numbers of trials up to which the axis is linear."""


def trial_curves(found: Searches) -> Any:
    """A figure with the mean for each number of trials, over a band of one standard deviation to each side."""
    figure = new_figure(7, 4)
    axes = figure.subplots()
    for search in found.each:
        every = range(1, len(search.trials) + 1)
        points = [(one.k, one.mean, one.std) for one in search.expected(every) if one.mean is not None]
        if not points:
            continue
        counts, means, stds = zip(*points, strict=True)
        (line,) = axes.plot(counts, means, marker=".", label=plain_text(search.name))
        bounds = ([mean + side * std for mean, std in zip(means, stds, strict=True)] for side in (-1, 1))
        axes.fill_between(counts, *bounds, color=line.get_color(), alpha=0.2, lw=0)
    if max(len(search.trials) for search in found.each) > MOST_LINEAR:
        axes.set_xscale("log")
    axes.set_xlabel("number of trials")
    axes.set_ylabel(plain_text(found.question.metric))
    axes.set_title(plain_text(f"chosen by {found.selected_on}"), fontsize="medium")
    if found.question.baseline:
        axes.legend(fontsize="small")
    return figure
