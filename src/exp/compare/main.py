"""The program behind `scripts/compare.py`: shows runs side by side."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from exp.compare.diff import differences
from exp.compare.question import add_question, at_budget_asked, check_metric, question_asked, trainings
from exp.compare.registered import standing_of, take_registered
from exp.compare.rows import Row, rows_of
from exp.compare.runs import Run, find_runs, read_run
from exp.compare.seeds import SOURCES
from exp.compare.show_table import columns_of, print_csv, print_json, print_table
from exp.compare.table import check_key, choose, differing, first_metric, sort
from exp.config import yaml_text
from exp.errors import UserError
from exp.system.streams import lost_output, outlast, printable
from exp.terminal.commands import as_called
from exp.terminal.tables import one_line

DESCRIPTION = """Compare runs: what differs between their configurations, and what came out.

  python scripts/compare.py outputs
  python scripts/compare.py outputs --where model=cnn --sort test/accuracy
  python scripts/compare.py outputs/SWEEP --against model=mlp
  python scripts/compare.py outputs/SWEEP --trials
  python scripts/compare.py outputs/SWEEP --keys data.batch_size,test/accuracy
  python scripts/compare.py outputs/SWEEP --plot sweep.png --markdown
  python scripts/compare.py --diff RUN_A RUN_B

Runs that differ in their seed alone are one row, with the mean and the standard deviation over its n seeds.
"""


def main() -> int:
    """Run this process's command line; returns the exit status."""
    outlast()
    arguments = _parser().parse_args(sys.argv[1:])
    try:
        if arguments.diff:
            _print_diff(*(read_run(folder) for folder in arguments.diff))
        else:
            _compare(arguments)
        problem = lost_output()
        if problem:
            raise UserError(f"stdout: cannot be written ({problem}); what was printed is not whole")
    except UserError as error:
        print(printable(str(error)), file=sys.stderr)
        return 2
    return 0


def _compare(arguments: argparse.Namespace) -> None:
    found = _found(arguments)
    runs = choose(found, arguments.where)
    if arguments.registered:
        _refuse(arguments, "does not go with --registered", "calibrate", "variance", "trials")
        runs = trainings(runs, option="--registered")
        take_registered(runs, arguments)
    if arguments.at:
        runs = at_budget_asked(runs, arguments)
    if arguments.calibrate:
        options = ("against", "sort", "keys", "each", "csv", "markdown", "json", "plot", "margin", "accept", "goal")
        _refuse(arguments, "does not go with --calibrate", *options, "trials")
        _print_calibration(runs, arguments)
    elif arguments.variance:
        others = ("against", "sort", "keys", "each", "csv", "markdown", "plot", "margin", "accept", "goal", "trials")
        _refuse(arguments, "does not go with --variance", *others)
        _print_variance(runs, arguments)
    elif arguments.trials:
        _refuse(arguments, "does not go with --trials", "sort", "keys", "each", "csv", "markdown", "margin", "accept")
        _print_trials(runs, arguments)
    elif arguments.against:
        _refuse(arguments, "does not go with --against", "sort", "keys", "each", "csv", "markdown")
        _print_verdicts(trainings(runs), arguments)
    else:
        _refuse(arguments, "goes with --against KEY=VALUE", "margin", "accept", "goal")
        _print_rows(runs, arguments)


def _print_rows(runs: Sequence[Run], arguments: argparse.Namespace, *, more: Mapping[str, Any] | None = None) -> None:
    rows = [Row([run]) for run in runs] if arguments.each else rows_of(runs)
    keys = differing(rows)
    rows = sort(rows, arguments.sort) if arguments.sort else rows
    wanted = _wanted(arguments)
    own = [key for key in SOURCES if len({yaml_text(run.config.get(key)) for run in runs}) > 1]
    seeds = ["seed", *own] if arguments.each else []
    columns = columns_of(rows, [*seeds, *keys], wanted=wanted, also=arguments.sort or arguments.metric)
    if arguments.csv:
        print_csv(rows, columns)
    elif arguments.json:
        print_json(rows, columns, more=more)
    else:
        print_table(rows, columns, markdown=arguments.markdown, first=arguments.sort)
    if arguments.plot:
        from exp.compare.plot import plot

        plot(rows, keys, arguments.metric or first_metric(rows), arguments.plot)
        print(arguments.plot, file=sys.stderr if arguments.csv or arguments.markdown or arguments.json else sys.stdout)


def _found(arguments: argparse.Namespace) -> list[Run]:
    """All runs in the folders given; what the command line names is known to one of them.

    Raises:
        UserError: no folder was given, there is no run, or a key is unknown.
    """
    if not arguments.places:
        raise UserError(as_called("DIR: which folders? For example: python scripts/compare.py outputs"))
    found, problems = find_runs(arguments.places)
    for problem in problems:
        print(printable(f"left out: {problem}"), file=sys.stderr)
    asked = [("--sort", arguments.sort), ("--metric", arguments.metric), *(("--keys", k) for k in _wanted(arguments))]
    for option, key in asked:
        if key:
            check_key(option, key, found)
    return found


def _refuse(arguments: argparse.Namespace, why: str, *options: str) -> None:
    for option in options:
        if getattr(arguments, option) not in (None, False, []):
            raise UserError(f"--{option}: {why}")


def _wanted(arguments: argparse.Namespace) -> list[str]:
    return [key for keys in arguments.keys for key in keys.split(",") if key != "run"]


def _print_trials(runs: Sequence[Run], arguments: argparse.Namespace) -> None:
    """What a search of k trials is expected to find; as JSON it joins what is printed without `--trials`."""
    from exp.compare.show_trials import as_data, print_trials
    from exp.compare.trials import searches

    if arguments.json:
        _refuse(arguments, "does not go with --trials --json", "plot")
    trained = trainings(runs, option="--trials")
    found = searches(trained, question_asked(rows_of(trained), trained, arguments))
    if not arguments.json:
        print_trials(found)
        if arguments.plot:
            from exp.compare.plot import save
            from exp.compare.plot_trials import trial_curves

            save(trial_curves(found), arguments.plot)
            print(arguments.plot)
    elif arguments.against:
        _print_verdicts(trained, arguments, more={"trials": as_data(found)})
    else:
        _print_rows(runs, arguments, more={"trials": as_data(found)})


def _print_verdicts(
    trained: Sequence[Run], arguments: argparse.Namespace, *, more: Mapping[str, Any] | None = None
) -> None:
    from exp.compare.against import compare
    from exp.compare.looks import note_look_at
    from exp.compare.show_verdicts import as_json, print_verdicts

    rows = rows_of(trained)
    question = question_asked(rows, trained, arguments)
    made = compare(rows, question)
    looks = note_look_at(arguments.places, question, made)
    standing = standing_of(trained, rows, question, where=arguments.where)
    if arguments.json:
        print(as_json(made, question, looks=looks, standing=standing, more=more))
    else:
        print_verdicts(made, question, looks=looks, standing=standing)
    if arguments.plot:
        from exp.compare.forest import forest
        from exp.compare.plot import save

        save(forest(made, question), arguments.plot)
        print(arguments.plot, file=sys.stderr if arguments.json else sys.stdout)


def _print_calibration(runs: Sequence[Run], arguments: argparse.Namespace) -> None:
    from exp.compare.calibrate import calibrate
    from exp.compare.show_verdicts import print_calibration

    rows, metric = _trained(runs, arguments)
    print_calibration(calibrate(rows, metric), metric)


def _print_variance(runs: Sequence[Run], arguments: argparse.Namespace) -> None:
    from exp.compare.show_variance import print_variance, variance_json
    from exp.compare.variance import breakdowns

    rows, metric = _trained(runs, arguments)
    found = breakdowns(rows, metric)
    if arguments.json:
        print(variance_json(found, metric, at=arguments.at))
    else:
        print_variance(found, metric, at=arguments.at)


def _trained(runs: Sequence[Run], arguments: argparse.Namespace) -> tuple[list[Row], str]:
    """The rows of the runs that trained, and the metric that is looked at."""
    rows = rows_of([run for run in runs if run.config.get("mode") != "test"])
    metric = arguments.metric or first_metric(rows)
    check_metric(metric, runs)
    return rows, metric


def _print_diff(one: Run, other: Run) -> None:
    """Config, code, packages, data, devices: all that is not the same, and how the results differ."""
    for title, different in differences(one, other).items():
        print(f"{title}: {'' if different else 'the same'}".rstrip())
        for difference in different:
            print(f"  {one_line(str(difference))}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=as_called(DESCRIPTION), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("places", nargs="*", type=Path, metavar="DIR", help="run folders, or folders that hold some")
    parser.add_argument("--where", action="append", default=[], metavar="KEY=VALUE", help="only runs like this")
    parser.add_argument("--sort", metavar="KEY", help="a key or result, such as test/accuracy; the best first")
    parser.add_argument(
        "--keys", action="append", default=[], metavar="KEY,...", help="show only these keys and results"
    )
    parser.add_argument("--each", action="store_true", help="a row for each run, also where only the seed differs")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--csv", action="store_true", help="print CSV, with numbers in full")
    shape.add_argument("--markdown", action="store_true", help="print a Markdown table")
    shape.add_argument("--json", action="store_true", help="print JSON, with numbers in full")
    parser.add_argument(
        "--plot",
        type=Path,
        metavar="FILE.png",
        help="loss curves, and a heat map if two keys differ; of verdicts a forest plot; of trials what they find",
    )
    parser.add_argument("--metric", help="of a verdict or of the heat map (the first of the task's)")
    parser.add_argument("--diff", nargs=2, type=Path, metavar=("A", "B"), help="all that differs between two runs")
    verdicts = parser.add_argument_group("verdicts")
    add_question(parser, verdicts)
    verdicts.add_argument(
        "--calibrate", action="store_true", help="how often two halves of the same runs are called different"
    )
    verdicts.add_argument("--variance", action="store_true", help="how much of the variance comes from which seed")
    return parser
