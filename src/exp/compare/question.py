"""The question that a command line asks of runs: its options, and what they mean."""

import argparse
import sys
from collections.abc import Sequence

from exp.compare.against import Question
from exp.compare.budget import at_budget, budget_from, curve_metrics
from exp.compare.confounders import NAMES
from exp.compare.rows import Row
from exp.compare.runs import Run
from exp.compare.seeds import SEEDS
from exp.compare.table import check_key, first_metric, goal_of
from exp.errors import UserError
from exp.terminal.words import counted


def add_question(parser: argparse.ArgumentParser, verdicts: "argparse._ArgumentGroup") -> None:
    """Add the options of a question: those that choose figures, and those of a verdict."""
    parser.add_argument(
        "--at", metavar="step=N", help="what was reached after so many steps, examples=N or seconds=N of training"
    )
    verdicts.add_argument(
        "--against", action="append", default=[], metavar="KEY=VALUE", help="compare all others with the runs like this"
    )
    verdicts.add_argument(
        "--registered", action="store_true", help="ask what was written down before the first run, in sweep.json"
    )
    verdicts.add_argument(
        "--trials",
        action="store_true",
        help="what a search of k of these configurations is expected to find; with --against, for each value",
    )
    verdicts.add_argument("--goal", choices=("max", "min"), help="which value of the metric is the better one")
    verdicts.add_argument(
        "--margin", type=float, metavar="D", help="a difference too small to matter: ask for equivalence, too"
    )
    verdicts.add_argument(
        "--accept", action="append", default=[], metavar="NAME", help="give a verdict although this differs, too"
    )


def trainings(runs: Sequence[Run], *, option: str = "--against") -> list[Run]:
    """The runs that trained; what is left out is said.

    Args:
        runs: of any mode.
        option: asks for them.

    Raises:
        UserError: there are none.
    """
    trained = [run for run in runs if run.config.get("mode") != "test"]
    if len(trained) < len(runs):
        tests = counted(len(runs) - len(trained), "folder")
        print(f"left out: {tests} of mode=test, because a test of a run is no run of its own", file=sys.stderr)
    if not trained:
        raise UserError(f"{option}: there are only tests here, and no training")
    return trained


def at_budget_asked(runs: Sequence[Run], arguments: argparse.Namespace) -> list[Run]:
    """The runs as they were when the budget of `--at` was spent; without a metric, the first one known there is taken.

    Raises:
        UserError: it is no budget, no run spent it, or the metric is not known there.
    """
    budget = budget_from(arguments.at)
    cut = at_budget(runs, budget)
    if not any(run.is_completed for run in cut):
        raise UserError(f"--at {arguments.at}: no run went on for so long, and says when it did")
    known = curve_metrics([run for run in cut if run.is_completed])
    if not known:
        raise UserError(f"--at {arguments.at}: no run had logged a figure by then")
    for option in ("metric", "sort"):
        asked = getattr(arguments, option, None)
        if asked and "/" in asked and asked not in known:
            raise UserError(f"--{option} {asked}: is not known at {budget}; {', '.join(known)} are")
    arguments.metric = arguments.metric or known[0]
    return cut


def check_metric(metric: str, runs: Sequence[Run]) -> None:
    """Refuse a key of the configuration.

    Raises:
        UserError: it is one.
    """
    if any(metric in run.config for run in runs):
        raise UserError(f"--metric {metric}: is a key of the configuration, and not what came out of a run")


def question_asked(rows: Sequence[Row], runs: Sequence[Run], arguments: argparse.Namespace) -> Question:
    """What `--against` and its options ask; without a baseline, the metric and its goal alone.

    Raises:
        UserError: an option is wrong, or nothing says which value of the metric is the better one.
    """
    baseline: dict[str, str] = {}
    for condition in arguments.against:
        key, sign, value = condition.partition("=")
        if not sign:
            raise UserError(f"--against {condition}: must be KEY=VALUE, such as model=mlp")
        check_key("--against", key, runs)
        if not any(key in run.config for run in runs):
            raise UserError(f"--against {condition}: {key} is a result; a baseline is a value of the configuration")
        if key in SEEDS:
            raise UserError(f"--against {condition}: seeds are the samples of a row; a baseline is another key's value")
        if key in baseline:
            raise UserError(f"--against {condition}: {key}={baseline[key]} is given, too; there is one baseline")
        baseline[key] = value
    metric = arguments.metric or first_metric(rows)
    check_metric(metric, runs)
    goal = arguments.goal or goal_of(rows, metric)
    if goal is None:
        raise UserError(f"--metric {metric}: nothing says which value is better; add --goal max or --goal min")
    if arguments.margin is not None and not 0 < arguments.margin < float("inf"):
        raise UserError(f"--margin {arguments.margin}: must be above 0, in the unit of {metric}")
    known = {*NAMES, *(key for run in runs for key in run.config)}
    for name in arguments.accept:
        if name not in known:
            raise UserError(f"--accept {name}: is neither a key nor one of {', '.join(NAMES)}")
    return Question(baseline, metric, goal, arguments.margin, tuple(arguments.accept), arguments.at)
