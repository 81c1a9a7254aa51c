"""Files that may be somebody else's, read within bounds.

No link is followed, nothing waits, and what is too large, nested too deeply, or not what it should be is refused by
name.
"""

import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from exp.errors import UserError
from exp.system.files import open_regular
from exp.system.safe_yaml import load_yaml

JSON_BYTES = 32 * 2**20
"""A sweep of 10,000 jobs needs 12 MiB, the record of a model of 10,000 variables 4."""
YAML_BYTES = 4 * 2**20
LINE_BYTES = 2**20
LINES_BYTES = 2**32
"""Most bytes of a file that is read line by line: 50 million logged steps."""
TAIL_BYTES = 2**16
DEEPEST = 50
"""Levels of lists and groups within each other."""
LARGEST = 2**63
"""Most digits of a whole number."""


class UnreadableError(UserError):
    """A file that cannot be read as what it should be."""


class MissingError(UnreadableError):
    """A file that is not there."""


def read_bytes(path: Path, *, most: int) -> bytes:
    """Read a whole file of at most `most` bytes.

    Raises:
        UnreadableError: it is larger, or cannot be read.
    """
    with _opened(path, most=most) as file:
        content: bytes = file.read(most + 1)
    if len(content) > most:
        raise UnreadableError(f"{path}: is too large, more than {_size(most)}")
    return content


def read_tail(path: Path) -> str:
    """The end of a log; nothing if it cannot be read."""
    try:
        with _opened(path) as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL_BYTES))
            return str(file.read(TAIL_BYTES).decode(errors="replace"))
    except (UnreadableError, OSError):
        return ""


def read_lines(path: Path) -> Iterator[bytes]:
    """The lines of a file that may be long, one by one, as they stand there.

    Raises:
        UnreadableError: the file or a line is too large, or it cannot be read.
    """
    with _opened(path, most=LINES_BYTES) as file:
        while line := file.readline(LINE_BYTES + 1):
            if len(line) > LINE_BYTES:
                raise UnreadableError(f"{path}: has a line of more than {_size(LINE_BYTES)}")
            yield line


def read_object(path: Path, *, most: int = JSON_BYTES, finite: bool = True) -> dict[str, Any]:
    """An object from a JSON file.

    Args:
        path: the file.
        most: its size in bytes.
        finite: refuse what JSON does not have, NaN and the infinities.

    Raises:
        UnreadableError: it is none.
    """
    text = _text(path, most=most)
    try:
        content = json.loads(text)
    except RecursionError as error:
        raise UnreadableError(f"{path}: is nested more than {DEEPEST} deep") from error
    except ValueError as error:
        raise UnreadableError(f"{path}: is damaged, it cannot be read as JSON") from error
    if not isinstance(content, dict):
        raise UnreadableError(f"{path}: is damaged, it is not a JSON object")
    _check_values(path, content, finite=finite)
    return content


def read_yaml(path: Path) -> dict[str, Any]:
    """A group of keys from a YAML file, each value as it stands there: `${...}` is text.

    Raises:
        UnreadableError: it is none.
    """
    content = _yaml(path)
    if not isinstance(content, dict):
        raise UnreadableError(f"{path}: is not a configuration")
    return {str(key): value for key, value in content.items()}


def read_yaml_list(path: Path) -> list[Any]:
    """A list from a YAML file, each value as it stands there.

    Raises:
        UnreadableError: it is none.
    """
    content = _yaml(path)
    if not isinstance(content, list):
        raise UnreadableError(f"{path}: is not a list")
    return content


def check_content(path: Path, content: Any, model: type[BaseModel]) -> None:
    """Compare what a file holds with what a run writes there.

    Raises:
        UnreadableError: naming the first key that has another kind of value.
    """
    try:
        model.model_validate(content)
    except ValidationError as error:
        raise UnreadableError(f"{path}: {first_problem(error)}") from error


def first_problem(error: ValidationError) -> str:
    """The first problem that pydantic found, with its key."""
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    what = re.sub(r" or instance of \w+", "", first["msg"].replace("Input should be", "must be"))
    if first["type"] == "json_invalid":
        return "is damaged, it cannot be read as JSON"
    return f"{key}: {what}" if first["type"] == "missing" else f"{key}={str(first['input'])[:60]}: {what}"


def _opened(path: Path, *, most: int | None = None) -> Any:
    try:
        file = os.fdopen(open_regular(path, os.O_RDONLY), "rb")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MissingError(f"{path}: is missing") from error
    except (OSError, ValueError) as error:  # ValueError: the name has a character that no name can have
        raise UnreadableError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error
    if most is not None and os.fstat(file.fileno()).st_size > most:
        file.close()
        raise UnreadableError(f"{path}: is too large, more than {_size(most)}")
    return file


def _text(path: Path, *, most: int) -> str:
    try:
        return read_bytes(path, most=most).decode()
    except UnicodeDecodeError as error:
        raise UnreadableError(f"{path}: is damaged, it is not UTF-8 text") from error


def _yaml(path: Path) -> Any:
    text = _text(path, most=YAML_BYTES)
    try:
        content = load_yaml(text, deepest=DEEPEST)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UnreadableError(f"{path}: cannot be read ({' '.join(str(error).split())[:200]})") from error
    _check_values(path, content, finite=False)
    return content


def _check_values(path: Path, content: Any, *, finite: bool) -> None:
    """Refuse what would break something later on: depth, numbers without end."""
    level: list[Any] = [content]
    for _ in range(DEEPEST):
        if not level:
            return
        below: list[Any] = []
        for value in level:
            if isinstance(value, Mapping):
                below += [*value.keys(), *value.values()]
            elif isinstance(value, list):
                below += value
            elif reason := _unfit(value, finite=finite):
                raise UnreadableError(f"{path}: holds {reason}")
        level = below
    raise UnreadableError(f"{path}: is nested more than {DEEPEST} deep")


def _unfit(value: Any, *, finite: bool) -> str | None:
    if isinstance(value, int) and abs(value) >= LARGEST:
        return "a whole number of more than 64 bits"
    if finite and isinstance(value, float) and not math.isfinite(value):
        return f"{value}, which is not a number"
    if isinstance(value, str | int | float | None):
        return None
    return f"a {type(value).__name__}, which no run writes"


def _size(number: int) -> str:
    return f"{number / 2**20:g} MiB"
