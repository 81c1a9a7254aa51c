"""Errors in code of the user's own: what is wrong, without a library's wrapping, and in which file and line."""

import re
import sysconfig
import traceback
from collections.abc import Iterator
from pathlib import Path

from exp.errors import excerpt
from exp.system.provenance import is_installed

_HERE = Path(__file__).resolve().parents[1]
_LIBRARIES = tuple(str(Path(path).resolve()) for path in sysconfig.get_paths().values())
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_KERAS = re.compile(r"Exception encountered when calling .*?\n\n(.*?)(?:\n\nArguments received by .*|\Z)", re.DOTALL)
_TENSORFLOWS = re.compile(r"\{\{.*?\}\} ?|\[\[.*?\]\]|\[Op:\w+\]| name: *$", re.MULTILINE)
_LINE = re.compile(r'File "(.+?)", line (\d+), in (\S+)')
LONGEST = 400


def told(error: BaseException) -> str:
    """An error on one line: its kind, its message, and where in the user's own code it was raised, if it was there."""
    place = place_of(error)
    text = f"{type(error).__name__}: {message_of(error)}"
    return f"{text} ({place})" if place else text


def message_of(error: BaseException) -> str:
    """An error's own words on one line, without the layers that Keras names around them and their arguments."""
    text = _COLOUR.sub("", str(error.msg if isinstance(error, SyntaxError) else error))
    while found := _KERAS.search(text):
        text = found[1]
    text = text.rpartition("Error encountered:\n")[2]
    if text.startswith("in user code:"):  # AutoGraph's; the error itself stands last
        text = text.strip().rpartition("\n\n")[2].strip() or text
        text = re.sub(r"^\s*\w+: ", "", text)
    text = re.sub(r"Error in user-defined function passed to .*? with iterator: \S+: ", "", text)
    text = text.partition("Traceback (most recent call last):")[0] or text
    lines = [line.strip() for line in _TENSORFLOWS.sub("", text).splitlines() if line.strip()]
    short = " ".join(lines[:2]) or "no message"
    return short if len(short) <= LONGEST else f"{short[:LONGEST]}..."


def described(value: object) -> str:
    """What a thing is, for a sentence: itself if a configuration can hold it, else its kind."""
    if value is None or isinstance(value, bool | int | float | str | list | dict):
        return "null" if value is None else excerpt(value)
    return f"a {type(value).__name__}"


def place_of(error: BaseException) -> str | None:
    """`my_model.py, line 12, in call`: the innermost line of the user's own code that an error came through."""
    places = list(_places(error))
    if not places:
        return None
    path, line, name = places[-1]
    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path.name
    return f"{shown}, line {line}{f', in {name}' if name else ''}"


def _places(error: BaseException) -> Iterator[tuple[Path, int, str]]:
    """The frames of a traceback, from the outermost to the innermost."""
    for frame in traceback.extract_tb(error.__traceback__):
        yield from _own(frame.filename, frame.lineno or 0, frame.name)
    for filename, line, name in _LINE.findall(str(error)):  # as AutoGraph notes it, which compiles files of its own
        yield from _own(filename, int(line), name)
    if isinstance(error, SyntaxError) and error.filename:
        yield from _own(error.filename, error.lineno or 0, "")
    if error.__cause__ is not None:
        yield from _places(error.__cause__)


def _own(filename: str, line: int, name: str) -> Iterator[tuple[Path, int, str]]:
    path = Path(filename)
    if filename.startswith("<") or not path.is_file() or path.name == "run.py":
        return
    resolved = path.resolve()
    if not resolved.is_relative_to(_HERE) and not str(resolved).startswith(_LIBRARIES) and not _is_library(resolved):
        yield resolved, line, "" if name == "<module>" else name


def _is_library(path: Path) -> bool:
    return is_installed(path) or path.name.startswith("__autograph_generated")
