"""The keys of `conf/`: each with its default value, and the sentence that stands beside it as a comment."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml

CONF = Path(__file__).parents[2] / "conf"
OF_A_CHOICE = ("exec.name", "device.name", "schedule.name")
"""Keys that say which choice was taken, and are set by taking one."""
LONGEST = 120
"""Characters of a default value that is shown whole."""
_PACKAGE = re.compile(r"^# @package (\S+)$", flags=re.MULTILINE)


@dataclass(frozen=True)
class Key:
    """A key in one file."""

    path: str
    """Dotted, as on the command line."""
    default: str
    """The value as YAML, in one line."""
    sentence: str
    """The comment; empty if there is none."""


@dataclass(frozen=True)
class File:
    """A file of `conf/`: `config.yaml` and its neighbours, or a choice of a group."""

    group: str
    """The folder, such as `model` or `hydra/launcher`; empty for the files above the groups."""
    name: str
    sentence: str
    """What stands above the first key."""
    keys: tuple[Key, ...]
    target: str | None
    """What the file's own `_target_` names."""
    choices: dict[str, str | list[str]] = field(hash=False)
    """Of `config.yaml`: the choice of each group that is taken by default; of `logger`, all of them."""


def files(conf: Path = CONF) -> list[File]:
    """All files, `config.yaml` first."""
    paths = sorted(conf.rglob("*.yaml"), key=lambda path: (path != conf / "config.yaml", str(path)))
    return [_file(path, path.parent.relative_to(conf).as_posix().removeprefix(".")) for path in paths]


def _file(path: Path, group: str) -> File:
    text = path.read_text()
    stated = _PACKAGE.search(text)
    package = stated[1].replace("_global_", "") if stated else group.replace("/", ".")
    above = text[: next(match.start() for match in re.finditer(r"^[^#\s]", text, flags=re.MULTILINE))]
    tree = yaml.compose(text)
    content = yaml.safe_load(text)
    return File(
        group=group,
        name=path.stem,
        sentence=" ".join(line.lstrip("# ") for line in _PACKAGE.sub("", above).splitlines() if line.strip("# ")),
        keys=tuple(_keys(tree, package, text.splitlines())),
        target=content.get("_target_"),
        choices={k: v for one in content.get("defaults", []) if isinstance(one, dict) for k, v in one.items() if v},
    )


def _keys(node: yaml.MappingNode, above: str, lines: list[str]) -> Iterator[Key]:
    for name, value in node.value:
        path = f"{above}.{name.value}".lstrip(".")
        if name.value in ("defaults", "_target_") or path in OF_A_CHOICE:
            continue
        comment = _comment(name, value, lines)
        below = list(_keys(value, path, lines)) if isinstance(value, yaml.MappingNode) and not value.flow_style else []
        if below and (not comment or any(key.sentence for key in below)):
            yield from below
        else:
            yield Key(path, _shown(value), comment)


def _comment(name: yaml.Node, value: yaml.Node, lines: list[str]) -> str:
    """The comment at the end of a key's line, and what is aligned with it in the lines below."""
    number = name.start_mark.line
    after = value.end_mark.column if value.end_mark.line == number else name.end_mark.column
    found = re.search(r"\s# *(.*)", lines[number][after:])
    if not found:
        return ""
    column = after + found.start() + 1
    more = []
    for line in lines[number + 1 :]:
        if line[:column].strip() or line[column : column + 1] != "#":
            break
        more.append(line[column + 1 :].strip())
    return " ".join([found[1].strip(), *more])


def _shown(node: yaml.Node) -> str:
    if isinstance(node, yaml.ScalarNode):
        return node.value if node.style in (None, '"', "'") else "..."
    text = yaml.safe_dump(yaml.safe_load(yaml.serialize(node)), default_flow_style=True, width=1000).strip()
    return text if len(text) <= LONGEST else "{...}"
