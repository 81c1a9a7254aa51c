"""Commands for a person to paste: quoted for Hydra and for the shell, and right where the person stands."""

import os
import re
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from exp.system.project import trusted_by_project

_PLAIN = re.compile(r"[A-Za-z_./][A-Za-z0-9_./-]*")
"""A text that Hydra takes as a string without quotes; one that begins with a digit could be a number."""
COMMANDS = ("new", "compare", "report", "reproduce", "export", "import", "data", "devices", "workers")
"""The programs beside the one that runs and sweeps."""
FOLDER_VARIABLE = "EXP_RUN_FOLDER_TO"
"""Names a file into which a run that begins writes its folder, for the program that started it."""
_SCRIPTS = {"data": "show_data", "import": "import_checkpoint", "workers": "plan_workers"}
"""The programs in `scripts/` that have another name than their command."""
_SCRIPT = re.compile(r"python scripts/(\w+)\.py")
_WORDS = ("null", "true", "false", "nan", "inf")


def override(key: str, value: object) -> str:
    """`KEY=VALUE` for a text or a path, as the shell hands it to Hydra as that very text."""
    return f"{key}={shlex.quote(in_hydras_grammar(str(value)))}"


def program(command: str | None = None) -> str:
    """How a person calls this program from where he stands, or one of its commands.

    Args:
        command: such as `compare`; None: the program that runs and sweeps.

    Returns:
        `exp compare` if `exp` was started, or installed without its repository; else `python scripts/compare.py`.
    """
    root = _root()
    if root is None:
        return " ".join([_program("exp") or "exp", *([command] if command else [])])
    script = "run.py" if command is None else f"scripts/{_SCRIPTS.get(command, command)}.py"
    return f"{python()} {_path(root / script)}"


def command_line() -> list[str]:
    """The command line of this process, word by word, to be recorded."""
    if _root() is None:
        return ["exp", *sys.argv[0].partition(" ")[2].split(), *sys.argv[1:]]
    return ["python", *sys.argv]


def called() -> str:
    """The program that runs and sweeps, as a sentence calls it: `python run.py`, or `exp`."""
    return "python run.py" if _root() else "exp"


def as_called(text: str) -> str:
    """A text with `python scripts/NAME.py` as a person calls these programs from where he stands."""
    names = {script: command for command, script in _SCRIPTS.items()}
    return text if _root() else _SCRIPT.sub(lambda found: f"exp {names.get(found[1], found[1])}", text)


def run_command(*overrides: str, trusted: Sequence[str] = ()) -> str:
    """`python run.py OVERRIDES`, or `exp OVERRIDES`.

    Args:
        overrides: ready for the shell, as from `override`.
        trusted: the prefixes of the user's own code that the run needs; what the project trusts anyway is left out.
    """
    trusted = [prefix for prefix in trusted if prefix not in trusted_by_project()]
    prefixes = ",".join(map(in_hydras_grammar, trusted))
    more = [f"trusted_targets={shlex.quote(f'[{prefixes}]')}"] if trusted else []
    return " ".join([*_environment(trusted), program(), *overrides, *more])


def same_command(key: str, value: object, *, trusted: Sequence[str] = ()) -> str:
    """The command line of this process once more, with a key that it is given.

    Args:
        key: takes the place of what the command line says about it.
        value: of the key.
        trusted: the prefixes of the user's own code that it needs, which the command line names already.
    """
    arguments = [shlex.quote(argument) for argument in sys.argv[1:] if not argument.startswith(f"{key}=")]
    return " ".join([*_environment(trusted), program(), *arguments, override(key, value)])


def script_command(command: str, *arguments: str, folder: Path) -> str:
    """`exp COMMAND FOLDER ARGUMENTS`, or its program in `scripts/`; the arguments are ready for the shell."""
    return " ".join([program(command), _path(folder), *arguments])


def tensorboard(folder: Path) -> str:
    """TensorBoard with all runs in a folder."""
    return f"{_program('tensorboard') or f'{python()} -m tensorboard.main'} --logdir {_path(folder)}"


def neighbourhood(run: Path) -> Path:
    """The folder that holds a run and its siblings; the run's own if its parent contains the working directory."""
    outputs = Path("outputs")
    if run.absolute().is_relative_to(outputs.absolute()):
        return outputs
    parent = run.absolute().parent
    return run if Path.cwd().is_relative_to(parent) else parent


def python() -> str:
    """How to call this Python."""
    return _program("python") or _path(Path(sys.executable))


def _program(name: str) -> str | None:
    """How to call a program of this environment: by its name alone if the shell finds that very program."""
    path = Path(sys.executable).with_name(name)
    if not path.exists():
        return None
    found = shutil.which(name)
    return name if found and Path(found) == path else _path(path)


def _root() -> Path | None:
    """The folder of `run.py` and `scripts`: that of the program which was started, else of this source.

    Returns:
        None if `exp` was started, or if there is no such folder.
    """
    started = Path(sys.argv[0]).absolute()
    if started.name.partition(" ")[0] == "exp":
        return None
    source = Path(__file__).resolve().parents[3]
    return next((folder for folder in (started.parent, started.parent.parent, source) if _has_programs(folder)), None)


def _has_programs(folder: Path) -> bool:
    return (folder / "run.py").is_file() and (folder / "scripts").is_dir()


def _environment(trusted: Sequence[str]) -> list[str]:
    """The user's own code is found by this variable, which may have been set for one command only."""
    path = os.environ.get("PYTHONPATH")
    return [f"PYTHONPATH={shlex.quote(path)}"] if trusted and path else []


def _path(path: Path) -> str:
    """A path, quoted for the shell: relative if it is below the working directory; never like an option or a home."""
    if path.is_absolute() and path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    text = str(path)
    return shlex.quote(f"./{text}" if text.startswith(("-", "~")) else text)


def in_hydras_grammar(text: str) -> str:
    """A text in Hydra's grammar."""
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    # A backslash stands for itself, but before what it escapes: a quote, or an interpolation.
    text = re.sub(r"(\\*)\$\{", r"\1\1\\${", text)
    text = re.sub(r'(\\*)"', r'\1\1\\"', text)
    text = re.sub(r"(\\+)$", r"\1\1", text)
    return f'"{text}"'
