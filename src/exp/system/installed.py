"""Installed packages: every one that Python finds, with its version, as `pip freeze` lists them."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

_FOLDER = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._]*)-(?P<version>[^-]+)(-py[\d.]+)?\.(dist|egg)-info")

_LINE = re.compile(r"([a-z0-9-]+)(?:==| @ )(.*)")
_USER = re.compile(r"(?<=://)[^/@]*@")
"""A name, and perhaps a password, in an address: it is nobody's business in a run folder."""


def freeze() -> str:
    """A line for each installed package, sorted; `pip install -r` takes them.

    What they are called and their versions are read from the names of their folders, as the specification of wheels has
    them: 30 times as quick as reading their metadata.
    """
    found: dict[str, str] = {}
    for folder in sys.path:
        for path in _metadata(Path(folder or ".")):
            parts = _FOLDER.fullmatch(path.name)
            if parts is not None:
                name = re.sub(r"[-_.]+", "-", parts["name"]).lower()
                found.setdefault(name, _line(name, parts["version"], path))  # Python takes the first one, too
    return "".join(f"{found[name]}\n" for name in sorted(found))


def read_freeze(text: str) -> dict[str, str]:
    """What `freeze` wrote: the version of each package, or where it comes from."""
    found = {}
    for line in text.splitlines():
        parts = _LINE.fullmatch(line)
        if parts is not None:
            found[parts[1]] = parts[2]
    return found


def _metadata(folder: Path) -> Iterator[Path]:
    try:
        yield from sorted(path for path in folder.iterdir() if path.suffix in (".dist-info", ".egg-info"))
    except OSError:  # no folder: an archive, or one that is not there
        return


def _line(name: str, version: str, path: Path) -> str:
    """As `pip freeze` has it; of what was installed from a folder or a repository, where that is."""
    try:
        source = json.loads((path / "direct_url.json").read_bytes())
        url, commit = _USER.sub("", str(source["url"])), source.get("vcs_info", {}).get("commit_id")
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return f"{name}=={version}"
    if commit is None:
        return f"{name}=={version}  # from {url}"
    return f"{name} @ {source['vcs_info'].get('vcs', 'git')}+{url}@{commit}"
