"""The program behind `exp new`: a project of the user's own, in a folder, which runs at once."""

import argparse
import os
import re
import shlex
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from importlib.util import find_spec
from pathlib import Path

from exp.errors import UserError
from exp.system.project import is_prefix
from exp.terminal.commands import program
from exp.tools.program import run_script, say

DESCRIPTION = """Make a project of your own: a folder with its configuration, a network, a data set and a test.

  exp new demo && cd demo && exp
"""
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_FOLDERS = ("conf", "outputs", "tests")
TEXT = ".txt"
"""Ends the names of templates that would not be theirs in this package: modules, and what git reads."""


def main() -> int:
    """Run this process's command line; returns the exit status."""
    return run_script(_parser(), _new)


def _new(arguments: argparse.Namespace) -> None:
    folder = Path(arguments.name)
    package = folder.name.replace("-", "_")
    if not _NAME.fullmatch(folder.name) or not is_prefix(f"{package}.") or package in _FOLDERS:
        raise UserError(
            f"NAME {folder.name}: must be a name for a package of your own: letters, digits and _, and none "
            "that Python or the project has itself"
        )
    if find_spec(package) is not None:
        raise UserError(f"NAME {folder.name}: is a package that is installed here; take another name")
    if os.path.lexists(folder):
        raise UserError(f"NAME {folder}: is there already; take another name")
    names = {"PACKAGE": package, "NAME": folder.name}
    try:
        for path, text in _files(files("exp.tools") / "new_project", Path()):
            target = folder / str(path).replace("PACKAGE", package).removesuffix(TEXT)
            target.parent.mkdir(parents=True, exist_ok=True)
            parts = re.split("(PACKAGE|NAME)", text)
            target.write_text("".join(names.get(part, part) for part in parts))
    except OSError as error:
        raise UserError(f"NAME {folder}: cannot be made ({error.strerror})") from error
    made = f"made {folder}; next: cd {shlex.quote(str(folder))} && "
    os.chdir(folder)  # the program is called from there
    say(f"{made}{program()}")


def _files(folder: Traversable, at: Path) -> Iterator[tuple[Path, str]]:
    """The files of the template with their texts, by their paths in it."""
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _files(entry, at / entry.name)
        elif not entry.name.endswith(".pyc"):
            yield at / entry.name, entry.read_text()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", metavar="NAME", help="the project's folder, which is made here")
    return parser
