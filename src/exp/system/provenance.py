"""Provenance of a run's code: commits, uncommitted changes, versions of packages. No TensorFlow is imported."""

import hashlib
import importlib.util
import os
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

PACKAGES = (
    "tensorflow",
    "keras",
    "numpy",
    "hydra-core",
    "omegaconf",
    "tensorboard",
    "tensorflow-datasets",
    "pydantic",
)
CHANGED = "+changes"
"""Ends the commit of `exp` if there were changes that were not committed."""
COMMIT = "commit.txt"
"""The file in an installed `exp` that has the commit from which it was built."""
_EXP = Path(__file__).resolve().parents[1]
MOST_NEW_FILES = 200
"""Files that git does not know yet, of which the contents are kept; more are an environment, or data."""
_CODE = ("*.py", "*.yaml", "*.yml")
_NO_CODE = (":(exclude)outputs", ":(exclude,glob)**/.hydra/**", ":(exclude,glob)**/.slurm/**")
"""Folders that runs write, and whose files do not count as uncommitted changes."""


class Code(NamedTuple):
    """The code of a run."""

    facts: dict[str, Any]
    """As the manifest has them: `exp`, `exp_commit`, `git`, `code`."""
    patches: dict[str, bytes]
    """What was not committed, for `git apply`: by package; "" stands for the repository in `git`."""


class _State(NamedTuple):
    facts: dict[str, Any]
    patch: bytes


def code_of(targets: Sequence[str]) -> Code:
    """The version of `exp`, and the state of each repository that holds code of the run.

    `git` is the repository of `exp` itself, or, if `exp` is installed, the first one of the user's code; it is never
    that of the folder one stands in. `code` has the user's packages by name.

    Args:
        targets: the dotted names of what the configuration calls.
    """
    own = own_state()
    packages = dict.fromkeys(name.partition(".")[0] for name in targets)
    others = {name: _state(path) for name in packages if (path := _file_of(name)) is not None}
    states = {name: state for name, state in {"": own, **others}.items() if state}
    first = next(iter(states.values()), None)
    code = {name: state.facts if state else None for name, state in others.items()}
    facts = {
        "exp": package_versions(("exp",))["exp"],
        "exp_commit": commit_text(own.facts) if own else _built_from(),
        "git": first.facts if first else None,
        "code": code,
    }
    patches = {"": first.patch} if first and first.patch else {}
    patches |= {name: state.patch for name, state in states.items() if state.patch and state is not first}
    return Code(facts, {name: patch for name, patch in patches.items() if not name or patch != patches.get("")})


@cache
def own_state() -> _State | None:
    """The state of the repository of `exp`; None if it is installed.

    It is found out once in a process. What is forked from it runs the code that it has imported, whatever was changed
    since.
    """
    return _state(_EXP / "__init__.py") if not is_installed(_EXP) else None


def commit_text(state: Mapping[str, Any]) -> str:
    """The commit that `git_state` found, with `+changes` if some were not committed."""
    return f"{state['commit']}{CHANGED if state['dirty'] else ''}"


def _built_from() -> str | None:
    """The commit that an installed `exp` was built from; None if its wheel does not tell it."""
    try:
        return (_EXP / COMMIT).read_text().strip() or None
    except OSError:
        return None


def is_installed(path: Path) -> bool:
    """Whether a file or folder lies among installed packages, whatever repository they lie in."""
    return bool({"site-packages", "dist-packages"} & set(path.parts))


def _file_of(package: str) -> Path | None:
    """The folder of a user's package or module; None for `exp`, for Keras, and for what cannot be found."""
    if package in ("exp", "keras"):
        return None
    try:
        found = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return None
    places = [found.origin] if found and found.origin else list(found.submodule_search_locations or ()) if found else []
    return Path(places[0]) if places else None


def git_state(path: Path) -> dict[str, Any] | None:
    """The commit of the repository that a file or folder belongs to, and whether its code differs from that.

    Code that git does not know yet counts as a difference; files that it ignores belong to no repository.

    Returns:
        `commit`; `dirty`, which is None if git does not tell; and `patch`, the SHA-256 of the differences, or None if
        there are none, or git does not tell them.
    """
    state = _state(path)
    return state.facts if state else None


def _state(path: Path) -> _State | None:
    folder = path if path.is_dir() else path.parent
    commit, root = _git(folder, "rev-parse", "HEAD"), _git(folder, "rev-parse", "--show-toplevel")
    if commit is None or root is None or _git(folder, "check-ignore", "--quiet", str(path)) is not None:
        return None
    changed = _git(Path(root), "status", "--porcelain", "--untracked-files=no")
    added = _output(Path(root), "ls-files", "-z", "--others", "--exclude-standard", "--", *_CODE, *_NO_CODE)
    dirty = None if changed is None or added is None else bool(changed or added)
    patch = _patch(Path(root), [os.fsdecode(name) for name in (added or b"").split(b"\0") if name]) if dirty else b""
    digest = hashlib.sha256(patch).hexdigest() if patch else None
    return _State({"commit": commit, "dirty": dirty, "patch": digest}, patch)


def _patch(root: Path, added: Sequence[str]) -> bytes:
    """The differences to the commit, and each file that git does not know yet; empty if git does not tell them.

    A user's settings change nothing of it, so that equal differences have equal digests.
    """
    if len(added) > MOST_NEW_FILES:
        return b""  # each takes a process of git
    tools = ("--binary", "--no-color", "--no-ext-diff", "--no-textconv", "--no-renames", "--diff-algorithm=default")
    plain = ("diff", *tools, "--unified=3", "--inter-hunk-context=0", "--src-prefix=a/", "--dst-prefix=b/")
    parts = [_output(root, *plain, "HEAD")]
    # The status of a comparison with nothing is 1.
    parts += [_output(root, *plain, "--no-index", "--", os.devnull, name, statuses=(0, 1)) for name in sorted(added)]
    return b"" if None in parts else b"".join(part for part in parts if part)


def package_versions(names: Sequence[str] = PACKAGES) -> dict[str, str | None]:
    """The installed version of each package, by default of those that a result may depend on."""
    found: dict[str, str | None] = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def bearing(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of a manifest that a result's last bits can depend on, besides the configuration and the data."""
    devices = manifest.get("devices") or {}
    repositories = {"": manifest.get("git"), **{f" of {name}": s for name, s in (manifest.get("code") or {}).items()}}
    commits = {f"commit{whose}": str((state or {}).get("commit"))[:10] for whose, state in repositories.items()}
    changes = {f"uncommitted changes{whose}": _changes(state or {}) for whose, state in repositories.items()}
    return {
        "exp": manifest.get("exp"),
        "commit of exp": manifest.get("exp_commit"),
        **commits,
        **changes,
        "python": manifest.get("python"),
        "threads": devices.get("threads"),
        "devices": ", ".join(devices.get("used") or []),
        "jit_compile": manifest.get("jit_compile"),
        **(manifest.get("packages") or {}),
    }


def _changes(state: Mapping[str, Any]) -> Any:
    """The digest of the uncommitted changes, if it is known; else whether there are any."""
    return str(state["patch"])[:10] if state.get("patch") else state.get("dirty")


def _git(folder: Path, *arguments: str) -> str | None:
    output = _output(folder, *arguments)
    return None if output is None else output.decode(errors="replace").strip()


def _output(folder: Path, *arguments: str, statuses: Sequence[int] = (0,)) -> bytes | None:
    """What git prints; None if it cannot be run, takes too long, or ends with another status."""
    command: Sequence[str] = ("git", "-C", str(folder), *arguments)
    try:
        done = subprocess.run(command, capture_output=True, timeout=20, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout if done.returncode in statuses else None
