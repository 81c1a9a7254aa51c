"""What may stand in a folder that somebody else has made."""

import os
from pathlib import Path

DEEP = "[" * 200_000
LAUGHS = "a: &a [x, x, x, x]\n" + "".join(
    f"{b}: &{b} [*{a}, *{a}, *{a}, *{a}]\n" for a, b in zip("abcdef", "bcdefg", strict=True)
)


def put_text(text: str):
    return lambda path: path.write_text(text)


def put_link(path: Path) -> None:
    """To a file that exists elsewhere."""
    elsewhere = path.parent / f"{path.name}.elsewhere"
    elsewhere.write_text("{}")
    path.symlink_to(elsewhere)


def put_sparse(path: Path) -> None:
    """3 GB of nothing."""
    with path.open("wb") as file:
        file.truncate(3 * 2**30)


BAD_FILES = {
    "link": (put_link, "is a link, and links are not followed"),
    "dangling link": (lambda path: path.symlink_to("absent"), "is a link, and links are not followed"),
    "pipe": (os.mkfifo, "is not a file"),
    "folder": (Path.mkdir, "is not a file"),
    "sparse": (put_sparse, "is too large"),
    "not UTF-8": (lambda path: path.write_bytes(b'{"a": "\xff"}'), "is not UTF-8 text"),
}
"""What is no better for any file, and the reason that is given."""
BAD_JSON = {
    "empty": ("", "cannot be read as JSON"),
    "torn": ('{"step": 1', "cannot be read as JSON"),
    "deep": (DEEP, "is nested more than 50 deep"),
    "rather deep": (f'{{"a": {"[" * 60}{"]" * 60}}}', "is nested more than 50 deep"),
    "list": ("[]", "is not a JSON object"),
    "text": ('"text"', "is not a JSON object"),
    "NaN": ('{"a": NaN}', "holds nan, which is not a number"),
    "infinity": ('{"a": [-Infinity]}', "holds -inf, which is not a number"),
    "overflow": ('{"a": 1e999}', "holds inf, which is not a number"),
    "long number": (f'{{"a": {"9" * 3000}}}', "holds a whole number of more than 64 bits"),
    "longer number": (f'{{"a": {"9" * 9000}}}', "cannot be read as JSON"),
}
BAD_YAML = {
    "deep": (DEEP, "is nested more than 50 deep"),
    "deep by dashes": ("- " * 200_000, "is nested more than 50 deep"),
    "deep by questions": ("? " * 5000, "is nested more than 50 deep"),
    "laughs": (LAUGHS, "has anchors"),
    "object": ("a: !!python/object/apply:os.system [id]", "has tags"),
    "date": ("a: !!timestamp 2020-01-01", "has tags"),
    "list": ("[1]", "is not a configuration"),
    "empty": ("", "is not a configuration"),
    "twice": ("a: 1\na: 2\n", "a key is there twice"),
    "torn": ("a: [1", "cannot be read"),
    "control": ("a: \x1b[31m", "cannot be read"),
    "long number": (f"a: {'9' * 3000}", "more than 64 bits"),
    "longer number": (f"a: {'9' * 9000}", "cannot be read"),
}
