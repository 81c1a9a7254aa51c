"""The projects of `examples/projects`: each a folder of a user's own, with its command on the first line."""

import importlib.util
import shlex
from pathlib import Path
from typing import Any

from tests.support.conf import choices
from tests.support.jobs import Done, Jobs
from tests.support.root import ROOT

FOLDER = ROOT / "examples" / "projects"
NAMES = sorted(path.name for path in FOLDER.iterdir() if path.is_dir())


def module(project: str) -> Path:
    """The Python file of a project."""
    (path,) = (FOLDER / project).glob("*.py")
    return path


def imported(project: str) -> Any:
    """The Python file of a project, as a module."""
    path = module(project)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def trust(project: str) -> str:
    """The override that lets a run call a project's code."""
    return f"trusted_targets=[{module(project).stem}.]"


def command(project: str) -> list[str]:
    """The arguments of the command on the first line of a project's Python file, but those of its length and start."""
    first = module(project).read_text().splitlines()[0].removeprefix('"""')
    variable, python, program, *arguments = shlex.split(first)
    assert (variable, python, program) == ("PYTHONPATH=.", "python", "../../../run.py")
    return [argument for argument in arguments if not argument.startswith(("train.", "checkpoint."))]


def modes(project: str) -> list[str]:
    """The execution modes in which a project trains: Keras's own runs no step of the user's."""
    own_step = "task=drawing" in command(project)
    return [mode for mode in choices("exec") if not (own_step and mode == "fit")]


def run(jobs: Jobs, *arguments: str, project: str, program: str = "run.py") -> Done:
    """`python run.py ARGUMENTS` in the folder of a project, or another program."""
    return jobs.run(*arguments, program=program, cwd=FOLDER / project, PYTHONPATH=str(FOLDER / project))
