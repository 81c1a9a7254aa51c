"""The page of all configuration keys, made of `conf/` and of the schema."""

import re
from collections.abc import Iterable

from allowed_values import allowed
from config_files import File, Key, files

HYDRA = "hydra_settings"
_SPECIAL = re.compile(r"([\\*_\[\]<>])")
_PAGE = re.compile(r"docs/([\w/-]+)\.md")
Found = tuple[File, Key]


def written(text: str) -> str:
    """The page: its hand-written beginning, and a section for each group."""
    every = files()
    root = every[0]
    parts = [text, "## The run as a whole\n", _keys([(root, key) for key in root.keys if _is_of_all(key)], [])]
    groups = [*root.choices, *sorted({file.group for file in every} - {"", *root.choices})]
    for group in groups:
        choices = [file for file in every if file.group == group]
        section = group.replace("/", ".")
        general = [(root, key) for key in root.keys if key.path.startswith(f"{section}.")]
        parts += [f"## {group}\n", *(_choice(file, root) for file in choices), ""]
        if group != "experiment":
            parts.append(_keys([*general, *((file, key) for file in choices for key in file.keys)], choices))
    hydra = next(file for file in every if file.name == HYDRA)
    parts += ["## Hydra itself\n", f"{_escaped(hydra.sentence)}\n", _keys([(hydra, key) for key in hydra.keys], [])]
    return "\n".join(parts)


def _is_of_all(key: Key) -> bool:
    return "." not in key.path or key.path.startswith("seeds.")


def _choice(file: File, root: File) -> str:
    taken = root.choices.get(file.group)
    default = " (default)" if file.name in (taken if isinstance(taken, list) else [taken]) else ""
    return f"- `{file.group}={file.name}`{default}: {_escaped(file.sentence)}"


def _keys(found: Iterable[Found], choices: list[File]) -> str:
    by_path: dict[str, list[Found]] = {}
    for file, key in found:
        by_path.setdefault(key.path, []).append((file, key))
    return "\n".join(_key(path, entries, choices) for path, entries in by_path.items())


def _key(path: str, entries: list[Found], choices: list[File]) -> str:
    """A key with all of its defaults, and all that is said of it."""
    is_general = any(not file.group for file, _ in entries)
    others = [file for file in choices if file not in [given for given, _ in entries]]
    whose = [*(file for file, _ in entries), *(others if is_general else ())]
    types = {file: allowed(path, choice=file.name, target=file.target) for file in whose if file.group or not choices}
    defaults = {file: f"`{key.default}`" for file, key in entries}
    sentences = {file: key.sentence for file, key in entries if key.sentence}
    lines = [f"```{{confval}} {path}"]
    if any(types.values()):
        lines.append(f":type: {_in_a_line({file: said for file, said in types.items() if said})}")
    lines += [f":default: {_in_a_line(defaults)}", ""]
    if not (is_general or not others):
        lines += [f"Only with {_names([file for file, _ in entries])}.", ""]
    told = _by_text({file: _escaped(said) for file, said in sentences.items()})
    if len(told) == 1:
        lines.append(next(iter(told)))
    else:
        lines += [f"- {_names(given)}: {said}" for said, given in told.items()]
    return "\n".join([*lines, "```", ""])


def _by_text(said: dict[File, str]) -> dict[str, list[File]]:
    found: dict[str, list[File]] = {}
    for file, text in said.items():
        found.setdefault(text, []).append(file)
    return found


def _in_a_line(said: dict[File, str]) -> str:
    """What is the same everywhere once, and else with the names of the choices."""
    told = _by_text(said)
    if len(told) == 1:
        return next(iter(told))
    return "; ".join(f"{text}{_with(given)}" for text, given in told.items())


def _with(given: list[File]) -> str:
    return f" with {_names(given)}" if all(file.group for file in given) else ""


def _names(given: list[File]) -> str:
    return ", ".join(f"`{file.group}={file.name}`" for file in given)


def _escaped(sentence: str) -> str:
    """A comment as Markdown: what it says as it is, and the pages that it names as links."""
    parts = sentence.split("`")
    plain = "`".join(part if at % 2 else _SPECIAL.sub(r"\\\1", part) for at, part in enumerate(parts))
    return _PAGE.sub(lambda page: f"[{page[1]}](../{page[1]}.md)", plain)
