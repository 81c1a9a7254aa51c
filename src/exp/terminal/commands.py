"""Commands for a person to paste: quoted for Hydra and for the shell, and right where the person stands."""

import os
import re
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

_PLAIN = re.compile(r"[A-Za-z_./][A-Za-z0-9_./-]*")
"""A text that Hydra takes as a string without quotes; one that begins with a digit could be a number."""
_WORDS = ("null", "true", "false", "nan", "inf")


def override(key: str, value: object) -> str:
    """`KEY=VALUE` for a text or a path, as the shell hands it to Hydra as that very text."""
    return f"{key}={shlex.quote(_quoted(str(value)))}"


def run_command(*overrides: str, trusted: Sequence[str] = ()) -> str:
    """`python run.py OVERRIDES`.

    Args:
        overrides: ready for the shell, as from `override`.
        trusted: the prefixes of the user's own code that the run needs.
    """
    prefixes = ",".join(map(_quoted, trusted))
    more = [f"trusted_targets={shlex.quote(f'[{prefixes}]')}"] if trusted else []
    return " ".join([*_environment(trusted), python(), _path(_root() / "run.py"), *overrides, *more])


def same_command(key: str, value: object, *, trusted: Sequence[str] = ()) -> str:
    """The command line of this process once more, with a key that it is given.

    Args:
        key: takes the place of what the command line says about it.
        value: of the key.
        trusted: the prefixes of the user's own code that it needs, which the command line names already.
    """
    arguments = [shlex.quote(argument) for argument in sys.argv[1:] if not argument.startswith(f"{key}=")]
    return " ".join([*_environment(trusted), python(), _path(_root() / "run.py"), *arguments, override(key, value)])


def script_command(name: str, *arguments: str, folder: Path) -> str:
    """`python scripts/NAME.py FOLDER ARGUMENTS`; the arguments are ready for the shell."""
    return " ".join([python(), _path(_root() / "scripts" / f"{name}.py"), _path(folder), *arguments])


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


def _root() -> Path:
    """The folder of `run.py` and `scripts`: that of the program which was started, else of this source."""
    started = Path(sys.argv[0]).absolute()
    for folder in (started.parent, started.parent.parent):
        if (folder / "run.py").is_file():
            return folder
    return Path(__file__).resolve().parents[3]


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


def _quoted(text: str) -> str:
    """A text in Hydra's grammar."""
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    # A backslash stands for itself, but before what it escapes: a quote, or an interpolation.
    text = re.sub(r"(\\*)\$\{", r"\1\1\\${", text)
    text = re.sub(r'(\\*)"', r'\1\1\\"', text)
    text = re.sub(r"(\\+)$", r"\1\1", text)
    return f'"{text}"'
