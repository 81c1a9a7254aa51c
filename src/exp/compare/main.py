"""The program behind `scripts/compare.py`: shows runs side by side."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from exp.compare.diff import differences
from exp.compare.rows import SEEDS, Row, rows_of
from exp.compare.runs import Run, find_runs, read_run
from exp.compare.show_table import columns_of, print_csv, print_json, print_table
from exp.compare.table import check_key, choose, differing, goal_of, metrics_of, sort
from exp.errors import UserError
from exp.system.streams import lost_output, outlast, printable
from exp.terminal.tables import one_line
from exp.terminal.words import counted

if TYPE_CHECKING:
    from exp.compare.against import Comparison, Question

DESCRIPTION = """Compare runs: what differs between their configurations, and what came out.

  python scripts/compare.py outputs
  python scripts/compare.py outputs --where model=cnn --sort test/accuracy
  python scripts/compare.py outputs/SWEEP --against model=mlp
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
    if arguments.at:
        runs = _at_budget(runs, arguments)
    if arguments.calibrate:
        options = ("against", "sort", "keys", "each", "csv", "markdown", "json", "plot", "margin", "accept", "goal")
        _refuse(arguments, "does not go with --calibrate", *options)
        _print_calibration(runs, arguments)
        return
    if arguments.against:
        _refuse(arguments, "does not go with --against", "sort", "keys", "each", "csv", "markdown")
        _print_verdicts(runs, arguments)
        return
    _refuse(arguments, "goes with --against KEY=VALUE", "margin", "accept", "goal")
    rows = [Row([run]) for run in runs] if arguments.each else rows_of(runs)
    keys = differing(rows)
    rows = sort(rows, arguments.sort) if arguments.sort else rows
    wanted = _wanted(arguments)
    columns = columns_of(
        rows, [*(["seed"] if arguments.each else []), *keys], wanted=wanted, also=arguments.sort or arguments.metric
    )
    if arguments.csv:
        print_csv(rows, columns)
    elif arguments.json:
        print_json(rows, columns)
    else:
        print_table(rows, columns, markdown=arguments.markdown, first=arguments.sort)
    if arguments.plot:
        from exp.compare.plot import plot

        plot(rows, keys, arguments.metric or _metric(rows), arguments.plot)
        print(arguments.plot, file=sys.stderr if arguments.csv or arguments.markdown or arguments.json else sys.stdout)


def _found(arguments: argparse.Namespace) -> list[Run]:
    """All runs in the folders given; what the command line names is known to one of them.

    Raises:
        UserError: no folder was given, there is no run, or a key is unknown.
    """
    if not arguments.places:
        raise UserError("DIR: which folders? For example: python scripts/compare.py outputs")
    found, problems = find_runs(arguments.places)
    for problem in problems:
        print(printable(f"left out: {problem}"), file=sys.stderr)
    asked = [("--sort", arguments.sort), ("--metric", arguments.metric), *(("--keys", k) for k in _wanted(arguments))]
    for option, key in asked:
        if key:
            check_key(option, key, found)
    return found


def _at_budget(runs: Sequence[Run], arguments: argparse.Namespace) -> list[Run]:
    """The runs as they were when the budget of `--at` was spent.

    Raises:
        UserError: it is no budget, no run reached it, or the metric is not known there.
    """
    from exp.compare.budget import at_budget, budget_from, curve_metrics

    budget = budget_from(arguments.at)
    cut = at_budget(runs, budget)
    if not any(run.is_completed for run in cut):
        raise UserError(f"--at {arguments.at}: every run ended before")
    known = curve_metrics(cut)
    if arguments.metric and arguments.metric not in known:
        raise UserError(f"--metric {arguments.metric}: is not known at {budget}; {', '.join(known)} are")
    if not arguments.metric and arguments.against:
        arguments.metric = known[0]
    return cut


def _refuse(arguments: argparse.Namespace, why: str, *options: str) -> None:
    for option in options:
        if getattr(arguments, option) not in (None, False, []):
            raise UserError(f"--{option}: {why}")


def _wanted(arguments: argparse.Namespace) -> list[str]:
    return [key for keys in arguments.keys for key in keys.split(",") if key != "run"]


def _metric(rows: Sequence[Row]) -> str:
    """The metric of a comparison that names none: the first one of the test, else its loss."""
    return next((metric for metric in metrics_of(rows) if metric.startswith("test/")), "test/loss")


def _print_verdicts(runs: Sequence[Run], arguments: argparse.Namespace) -> None:
    from exp.compare.against import compare
    from exp.compare.show_verdicts import as_json, print_verdicts

    trained = [run for run in runs if run.config.get("mode") != "test"]
    if len(trained) < len(runs):
        tests = counted(len(runs) - len(trained), "folder")
        print(f"left out: {tests} of mode=test, because a test of a run is no run of its own", file=sys.stderr)
    if not trained:
        raise UserError("--against: there are only tests here, and no training")
    rows = rows_of(trained)
    question = _question(rows, trained, arguments)
    made = compare(rows, question)
    looks = _note_look(arguments.places, question, made)
    if arguments.json:
        print(as_json(made, question, looks=looks))
    else:
        print_verdicts(made, question, looks=looks)
    if arguments.plot:
        from exp.compare.forest import forest

        forest(made, question, arguments.plot)
        print(arguments.plot, file=sys.stderr if arguments.json else sys.stdout)


def _print_calibration(runs: Sequence[Run], arguments: argparse.Namespace) -> None:
    from exp.compare.calibrate import calibrate
    from exp.compare.show_verdicts import print_calibration

    rows = rows_of([run for run in runs if run.config.get("mode") != "test"])
    metric = arguments.metric or _metric(rows)
    print_calibration(calibrate(rows, metric), metric)


def _question(rows: Sequence[Row], runs: Sequence[Run], arguments: argparse.Namespace) -> "Question":
    """What `--against` and its options ask.

    Raises:
        UserError: an option is wrong, or nothing says which value of the metric is the better one.
    """
    from exp.compare.against import Question
    from exp.compare.confounders import NAMES

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
    metric = arguments.metric or _metric(rows)
    if any(metric in run.config for run in runs):
        raise UserError(f"--metric {metric}: is a key of the configuration, and not what came out of a run")
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


def _note_look(places: Sequence[Path], question: "Question", made: "Sequence[Comparison]") -> int | None:
    """Note the look in the folder of the sweep, else in the first of the folders given; returns how many there were."""
    from exp.compare.looks import note_look

    sweeps = {run.folder.parent for one in made for row in (one.row, one.baseline) for run in row.runs}
    folder = sweeps.pop() if len(sweeps) == 1 else places[0]
    try:
        return note_look(folder, question, made)
    except (OSError, UserError) as error:
        print(printable(f"note: nobody will know that this was looked at ({error})"), file=sys.stderr)
        return None


def _print_diff(one: Run, other: Run) -> None:
    """Config, code, packages, data, devices: all that is not the same, and how the results differ."""
    for title, different in differences(one, other).items():
        print(f"{title}: {'' if different else 'the same'}".rstrip())
        for difference in different:
            print(f"  {one_line(str(difference))}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
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
        help="loss curves, and a heat map if two keys differ; of verdicts a forest plot",
    )
    parser.add_argument("--metric", help="of a verdict or of the heat map (the first of the task's)")
    parser.add_argument("--diff", nargs=2, type=Path, metavar=("A", "B"), help="all that differs between two runs")
    parser.add_argument(
        "--at", metavar="step=N", help="what was reached after so many steps, examples=N or seconds=N of training"
    )
    verdicts = parser.add_argument_group("verdicts")
    verdicts.add_argument(
        "--against", action="append", default=[], metavar="KEY=VALUE", help="compare all others with the runs like this"
    )
    verdicts.add_argument("--goal", choices=("max", "min"), help="which value of the metric is the better one")
    verdicts.add_argument(
        "--margin", type=float, metavar="D", help="a difference too small to matter: ask for equivalence, too"
    )
    verdicts.add_argument(
        "--accept", action="append", default=[], metavar="NAME", help="give a verdict although this differs, too"
    )
    verdicts.add_argument(
        "--calibrate", action="store_true", help="how often two halves of the same runs are called different"
    )
    return parser
