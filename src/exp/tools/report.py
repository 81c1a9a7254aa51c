"""The program behind `scripts/report.py`: verdicts as one HTML file, and the check of such a file."""

import argparse
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from exp.compare.against import Question, compare
from exp.compare.findings import findings
from exp.compare.forest import forest
from exp.compare.plot import as_svg, curves
from exp.compare.question import add_question, at_budget_asked, question_asked, trainings
from exp.compare.report_page import findings_in, page, without_pictures
from exp.compare.rows import rows_of
from exp.compare.runs import Run, find_runs
from exp.compare.table import choose, differing
from exp.errors import UserError
from exp.system.files import write_atomically
from exp.system.safe_files import read_bytes
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
        return _verify(arguments.verify, arguments.places, again=arguments.again)
    if not arguments.places or not arguments.against:
        raise UserError("DIR and --against: for example python scripts/report.py outputs/SWEEP --against model=mlp")
    _check_target(arguments.output)
    runs = _runs(arguments)
    question = question_asked(rows_of(runs), runs, arguments)
    asked = {"places": [str(place) for place in arguments.places], "where": arguments.where}
    write_atomically(arguments.output, _page(runs, question, asked))
    say(arguments.output)
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


def _runs(arguments: argparse.Namespace) -> list[Run]:
    found, problems = find_runs(arguments.places)
    for problem in problems:
        print(f"left out: {problem}", file=sys.stderr)
    runs = trainings(choose(found, arguments.where))
    return at_budget_asked(runs, arguments) if arguments.at else runs


def _page(runs: list[Run], question: Question, asked: Mapping[str, Any]) -> str:
    folder = Path(os.path.commonpath([run.folder.parent for run in runs]))
    found = {"asked": dict(asked), **findings(runs, question, folder=folder)}
    rows = rows_of(runs)
    return page(
        json.loads(json.dumps(found, default=str)),
        forest=as_svg(forest(compare(rows, question), question)),
        curves=as_svg(curves(rows, differing(rows), question.metric)),
    )


def _verify(path: Path, places: list[Path], *, again: int) -> bool:
    """Compare a page with the run folders; says each thing that is not as the page has it.

    Raises:
        UserError: the file is no report, or the folders cannot be found.
    """
    text = _read(path)
    try:
        said = findings_in(text)
        arguments = _arguments_of(said, places)
    except (UserError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: is no report that can be checked, or it is damaged") from error
    runs = _runs(arguments)
    question = question_asked(rows_of(runs), runs, arguments)
    asked = said["asked"]
    now = _page(runs, question, asked)
    problems = list(_differences(said, findings_in(now)))
    if not problems and without_pictures(text) != without_pictures(now):
        problems = [f"{path}: does not show the figures that it holds"]
    for problem in problems:
        say(problem)
    if problems:
        return False
    say(f"{path}: every figure is as {len(runs)} run folders say")
    return _run_again(random.SystemRandom().sample(runs, min(again, len(runs))))


def _arguments_of(said: Mapping[str, Any], places: list[Path]) -> argparse.Namespace:
    """The command line that a page was made by; the folders may have been moved."""
    question, asked = said["question"], said["asked"]
    parser = _parser()
    words = [str(place) for place in places or asked["places"]]
    for key, value in question["baseline"].items():
        words += ["--against", f"{key}={value}"]
    for option in ("metric", "goal", "margin", "at"):
        words += [] if question[option] is None else [f"--{option}", str(question[option])]
    for name in question["accepted"]:
        words += ["--accept", name]
    for condition in asked["where"]:
        words += ["--where", condition]
    return parser.parse_args(words)


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


def _run_again(runs: list[Run]) -> bool:
    """Run some of the runs again, and say whether the same came out, to the last bit."""
    same = True
    for run in runs:
        program = "from exp.tools.reproduce import main; raise SystemExit(main())"
        same &= subprocess.run([sys.executable, "-c", program, str(run.folder)], check=False).returncode == 0
    return same


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("places", nargs="*", type=Path, metavar="DIR", help="run folders, or folders that hold some")
    parser.add_argument("--where", action="append", default=[], metavar="KEY=VALUE", help="only runs like this")
    parser.add_argument("--metric", help="what is compared (the first of the task's)")
    parser.add_argument("-o", "--output", type=Path, default=Path("report.html"), metavar="FILE.html")
    add_question(parser, parser.add_argument_group("verdicts"))
    check = parser.add_argument_group("checking a report")
    check.add_argument("--verify", type=Path, metavar="FILE.html", help="recompute all of its figures")
    check.add_argument("--again", type=int, default=0, metavar="K", help="and run K of the runs again, drawn by chance")
    return parser
