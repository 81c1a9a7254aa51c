"""The program behind `scripts/report.py`: verdicts as one HTML file, and the check of such a file."""

import argparse
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from exp.compare.against import Comparison, Question, compare
from exp.compare.findings import findings
from exp.compare.forest import forest
from exp.compare.json_values import plain
from exp.compare.looks import note_look_at
from exp.compare.plot import as_svg, curves
from exp.compare.plot_trials import trial_curves
from exp.compare.question import add_question, at_budget_asked, question_asked, trainings
from exp.compare.registered import Standing, standing_of, take_registered
from exp.compare.report_page import findings_in, page, without_pictures
from exp.compare.rows import Row, rows_of
from exp.compare.runs import Run, find_runs, read_run
from exp.compare.show_trials import as_data
from exp.compare.table import choose, differing
from exp.compare.trials import Searches, searches
from exp.errors import UserError
from exp.system.files import write_atomically
from exp.system.safe_files import read_bytes
from exp.system.streams import printable
from exp.terminal.commands import as_called
from exp.tools.program import run_script, say

DESCRIPTION = """Write verdicts on runs as one HTML file that needs no network, or check such a file.

  python scripts/report.py outputs/SWEEP --against model=mlp -o report.html
  python scripts/report.py --verify report.html             # recomputes every figure from the run folders
  python scripts/report.py --verify report.html --again 2   # and runs two of the runs again

Exit status: 0; 1 if a file does not say what the folders say; 2 for a mistake.
"""
LARGEST_PAGE = 2**28


def main() -> int:
    """Run this process's command line; returns the exit status."""
    true: list[bool] = []
    status = run_script(_parser(), lambda arguments: true.append(_report(arguments)))
    return status or int(not all(true))


def _report(arguments: argparse.Namespace) -> bool:
    if arguments.verify:
        for option in ("against", "registered", "where", "metric", "goal", "margin", "accept", "at", "trials"):
            if getattr(arguments, option):
                raise UserError(f"--{option}: the question of a report is in it; --verify takes no other one")
        return _verify(arguments.verify, arguments.places, again=arguments.again)
    if arguments.again:
        raise UserError("--again: goes with --verify FILE.html")
    if not arguments.places or not (arguments.against or arguments.registered):
        raise UserError(
            as_called("DIR and a question: for example python scripts/report.py outputs/SWEEP --against model=mlp; or ")
            + "--registered, the one that the sweep was begun with"
        )
    if arguments.against and arguments.registered:
        raise UserError("--registered: asks what was registered, and --against something else; give one of them")
    path: Path = arguments.output
    _check_target(path)
    answer = _answer(arguments)
    note_look_at(arguments.places, answer.question, answer.made)
    places = [os.path.relpath(place, path.parent) for place in arguments.places]
    trials = {"trials": True} if arguments.trials else {}
    text = _page(answer, {"places": places, "where": arguments.where, **trials})
    try:
        write_atomically(path, text)
    except OSError as error:
        raise UserError(f"--output {path}: cannot be written ({error.strerror})") from error
    say(path)
    return True


def _check_target(path: Path) -> None:
    """Refuse to write over what is no report.

    Raises:
        UserError: the file is another one.
    """
    if path.exists():
        try:
            findings_in(_read(path))
        except UserError as error:
            raise UserError(f"--output {path}: there is another file with this name, and {error}") from error


def _read(path: Path) -> str:
    return read_bytes(path, most=LARGEST_PAGE).decode(errors="replace")


def _runs(arguments: argparse.Namespace) -> dict[str, Run]:
    """The runs that are asked about, by names that stay the same wherever the folders lie."""
    found, problems = find_runs(arguments.places)
    for problem in problems:
        print(printable(f"left out: {problem}"), file=sys.stderr)
    runs = trainings(choose(found, arguments.where))
    runs = at_budget_asked(runs, arguments) if arguments.at else runs
    named = {_name(run, arguments.places): run for run in runs}
    if len(named) < len(runs):
        raise UserError("DIR: folders with the same name hold runs with the same name; give a folder that holds both")
    return named


def _name(run: Run, places: Sequence[Path]) -> str:
    place = next(place for place in places if run.folder.is_relative_to(place))
    inside = run.folder.relative_to(place).as_posix()
    return inside if len(places) == 1 else f"{place.resolve().name}/{inside}"


class _Answer(NamedTuple):
    """What the runs say to a question."""

    question: Question
    runs: Mapping[str, Run]
    """By their names, in the order of these."""
    rows: Sequence[Row]
    made: Sequence[Comparison]
    standing: Standing
    searches: Searches | None
    """If `--trials` asks for them."""


def _answer(arguments: argparse.Namespace) -> _Answer:
    named = _runs(arguments)
    runs = {name: named[name] for name in sorted(named)}
    if not arguments.against:  # --registered, as its caller has made sure
        take_registered(list(runs.values()), arguments)
    rows = rows_of(list(runs.values()))
    question = question_asked(rows, list(runs.values()), arguments)
    standing = standing_of(list(runs.values()), rows, question, where=arguments.where)
    found = searches(list(runs.values()), question) if arguments.trials else None
    return _Answer(question, runs, rows, compare(rows, question), standing, found)


def _page(answer: _Answer, asked: Mapping[str, Any]) -> str:
    question, runs, rows, made, standing, searched = answer
    text = page(
        {
            "asked": dict(asked),
            "drawn_by": f"matplotlib {version('matplotlib')}",
            **findings(runs, rows, made, question, standing=standing),
            **({} if searched is None else {"trials": plain(as_data(searched, in_full=False))}),
        },
        forest=as_svg(forest(made, question)),
        curves=as_svg(curves(rows, differing(rows), question.metric)),
        searched=None if searched is None else as_svg(trial_curves(searched)),
    )
    return text.encode(errors="backslashreplace").decode()  # names of files need not be text


def _verify(path: Path, places: Sequence[Path], *, again: int) -> bool:
    """Compare a page with the run folders; says each thing that is not as the page has it.

    Raises:
        UserError: the file is no report, or the folders cannot be found.
    """
    text = _read(path)
    try:
        said = findings_in(text)
    except UserError as error:
        raise UserError(f"{path}: cannot be checked: {error}") from error
    asked = said["asked"]
    arguments = _arguments_of(said, places or [path.parent / place for place in asked["places"]])
    answer = _answer(arguments)
    now = _page(answer, asked)
    new = findings_in(now)
    is_same_drawer = said.get("drawn_by") == new.pop("drawn_by")
    problems = list(_differences({**said, "drawn_by": None}, {**new, "drawn_by": None}))
    if not problems and without_pictures(text) != without_pictures(now.replace(*_drawers(said, now))):
        problems = [f"{path}: does not show the figures that it holds"]
    elif not problems and is_same_drawer and text != now:
        problems = [f"{path}: its pictures are not those of its figures"]
    for problem in problems:
        say(problem)
    if problems:
        return False
    pictures = "" if is_same_drawer else "; its pictures are of another version of Matplotlib, and were not compared"
    say(f"{path}: every figure is as {len(answer.runs)} run folders say{pictures}")
    return _run_again(list(answer.runs.values()), again)


def _drawers(said: Mapping[str, Any], now: str) -> tuple[str, str]:
    """What stands in the new page for the version of Matplotlib, and what stands in the old one."""
    new, old = (json.dumps(found.get("drawn_by")) for found in (findings_in(now), said))
    return f'"drawn_by": {new}', f'"drawn_by": {old}'


def _arguments_of(said: Mapping[str, Any], places: Sequence[Path]) -> argparse.Namespace:
    """The question that a page answers, as if it had been given on the command line."""
    asked = said["question"]
    return argparse.Namespace(
        places=list(places),
        where=said["asked"]["where"],
        against=[f"{key}={value}" for key, value in asked["baseline"].items()],
        **{key: asked[key] for key in ("metric", "goal", "margin", "at")},
        accept=asked["accepted"],
        trials=said["asked"].get("trials", False),
    )


def _differences(said: Any, now: Any, name: str = "") -> Iterator[str]:
    """Each figure that is not the same, by where it stands; files of runs first, which explain the others."""
    if isinstance(said, dict) and isinstance(now, dict):
        for key in sorted({*said, *now}, key=lambda key: (key != "runs", str(key))):
            yield from _differences(said.get(key), now.get(key), f"{name}.{key}" if name else str(key))
    elif name == "runs" and isinstance(said, list) and isinstance(now, list):
        named = [{run.get("run"): run for run in runs if isinstance(run, dict)} for runs in (said, now)]
        for run in {**named[0], **named[1]}:
            yield from _differences_of_run(str(run), named[0].get(run), named[1].get(run))
    elif isinstance(said, list) and isinstance(now, list) and len(said) == len(now):
        for place, (one, other) in enumerate(zip(said, now, strict=True)):
            yield from _differences(one, other, f"{name}[{place}]")
    elif said != now:
        yield f"{name}: the report says {json.dumps(said)[:200]}, and the run folders {json.dumps(now)[:200]}"


def _differences_of_run(run: str, said: Any, now: Any) -> Iterator[str]:
    if said is None or now is None:
        yield f"{run}: is {'not in the report' if said is None else 'not there any more'}"
        return
    files = {**(said.get("files") or {}), **now["files"]}
    changed = [name for name in files if (said.get("files") or {}).get(name) != now["files"].get(name)]
    for name in changed:
        yield f"{run}/{name}: is not as it was when the report was written"
    if not changed:
        yield from _differences({**said, "files": None}, {**now, "files": None}, run)


def _run_again(runs: Sequence[Run], wanted: int) -> bool:
    """Run some of the runs again, and say whether the same came out, to the last bit."""
    able = [run for run in runs if run.manifest.get("devices.threads") and read_run(run.folder).is_completed]
    same = True
    for run in random.SystemRandom().sample(able, min(wanted, len(able))):
        program = "from exp.tools.reproduce import main; raise SystemExit(main())"
        sys.stdout.flush()
        same &= subprocess.run([sys.executable, "-P", "-c", program, str(run.folder)], check=False).returncode == 0
    return same


def _count(text: str) -> int:
    count = int(text)
    if count < 0:
        raise argparse.ArgumentTypeError("must be at least 0")
    return count


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=as_called(DESCRIPTION), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("places", nargs="*", type=Path, metavar="DIR", help="run folders, or folders that hold some")
    parser.add_argument("--where", action="append", default=[], metavar="KEY=VALUE", help="only runs like this")
    parser.add_argument("--metric", help="what is compared (the first of the task's)")
    parser.add_argument("-o", "--output", type=Path, default=Path("report.html"), metavar="FILE.html")
    add_question(parser, parser.add_argument_group("verdicts"))
    check = parser.add_argument_group("checking a report")
    check.add_argument("--verify", type=Path, metavar="FILE.html", help="recompute all of its figures")
    check.add_argument(
        "--again", type=_count, default=0, metavar="K", help="and run K of the runs again, drawn by chance"
    )
    return parser
