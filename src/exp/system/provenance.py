"""Provenance of a run's code: commits, uncommitted changes, versions of packages. No TensorFlow is imported."""

import importlib.util
import subprocess
from collections.abc import Mapping, Sequence
from importlib import resources
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

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
_CODE = ("*.py", "*.yaml", "*.yml")
_NO_CODE = (":(exclude)outputs", ":(exclude,glob)**/.hydra/**", ":(exclude,glob)**/.slurm/**")
"""Folders that runs write, and whose files do not count as uncommitted changes."""


def code_facts(targets: Sequence[str]) -> dict[str, Any]:
    """Facts for a manifest: the version of `exp`, and the state of each repository that holds code of the run.

    `git` is the repository of `exp` itself, or, if `exp` is installed, the first one of the user's code; it is never
    that of the folder one stands in. `code` has the user's packages by name.

    Args:
        targets: the dotted names of what the configuration calls.
    """
    own = git_state(Path(str(resources.files("exp"))) / "__init__.py")
    packages = dict.fromkeys(name.partition(".")[0] for name in targets)
    others = {name: git_state(path) for name in packages if (path := _file_of(name)) is not None}
    first = own or next((state for state in others.values() if state), None)
    return {"exp": package_versions(("exp",))["exp"], "git": first, "code": others}


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

    Code that git does not know yet counts as a difference; files that it ignores belong to no repository. `dirty` is
    None if git does not tell.
    """
    folder = path if path.is_dir() else path.parent
    commit, root = _git(folder, "rev-parse", "HEAD"), _git(folder, "rev-parse", "--show-toplevel")
    if commit is None or root is None or _git(folder, "check-ignore", "--quiet", str(path)) is not None:
        return None
    changed = _git(Path(root), "status", "--porcelain", "--untracked-files=no")
    added = _git(Path(root), "ls-files", "--others", "--exclude-standard", "--", *_CODE, *_NO_CODE)
    return {"commit": commit, "dirty": None if changed is None or added is None else bool(changed or added)}


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
    changes = {f"uncommitted changes{whose}": (state or {}).get("dirty") for whose, state in repositories.items()}
    return {
        **commits,
        **changes,
        "python": manifest.get("python"),
        "threads": devices.get("threads"),
        "devices": ", ".join(devices.get("used") or []),
        "jit_compile": manifest.get("jit_compile"),
        **(manifest.get("packages") or {}),
    }


def _git(folder: Path, *arguments: str) -> str | None:
    command: Sequence[str] = ("git", "-C", str(folder), *arguments)
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
