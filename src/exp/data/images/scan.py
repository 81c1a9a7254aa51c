"""Finding pictures: `{train,valid}/CLASS/FILE` below a folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from exp.data.dataset import Skipped
from exp.errors import UserError, excerpt
from exp.system.files import is_folder

SPLITS = ("train", "valid")


@dataclass(frozen=True)
class Found:
    """What a folder holds: for each split and class the paths of its files, sorted by name."""

    folder: Path
    classes: tuple[str, ...]
    files: dict[tuple[str, str], list[Path]]
    stray: tuple[Skipped, ...]
    """Files that lie beside the class folders."""
    hidden: int
    """How many files with a dot before their name were passed over."""


_listed_ahead: dict[tuple[Path, tuple[str, ...] | None], Found] = {}
"""The last listing that `find_ahead` made, until `find` takes it."""


def find_ahead(folder: Path, classes: Sequence[str] | None) -> Found:
    """List a folder as `find` does, which then has no need to list it once more in this process."""
    found = _list(folder, classes)
    _listed_ahead.clear()
    _listed_ahead[_key(folder, classes)] = found
    return found


def find(folder: Path, classes: Sequence[str] | None) -> Found:
    """List the files of each class.

    Args:
        folder: with a folder for each split, and in it one for each class.
        classes: the class names, in the order of their labels; None takes the folders of the training split, sorted.

    Raises:
        UserError: a split or a class is missing, empty, or there in one split only.
    """
    return _listed_ahead.pop(_key(folder, classes), None) or _list(folder, classes)


def _key(folder: Path, classes: Sequence[str] | None) -> tuple[Path, tuple[str, ...] | None]:
    return folder, None if classes is None else tuple(classes)


def _list(folder: Path, classes: Sequence[str] | None) -> Found:
    if not is_folder(folder):
        raise UserError(
            f"data.dir={excerpt(folder)}: is not a folder; give one that holds {' and '.join(SPLITS)}, and in each of "
            "them a folder of pictures for each class"
        )
    missing = [split for split in SPLITS if not (folder / split).is_dir()]
    if missing:
        there = ", ".join(sorted(path.name for path in folder.iterdir())[:8]) or "nothing"
        raise UserError(f"data.dir={folder}: has no folder {' and no folder '.join(missing)}, but {there}")
    names = tuple(classes) if classes is not None else _subfolders(folder / SPLITS[0])
    _check_classes(folder, names, chosen=classes is not None)
    files: dict[tuple[str, str], list[Path]] = {}
    stray: list[Skipped] = []
    hidden = 0
    for split in SPLITS:
        others, ignored = _entries(folder / split)
        stray += [Skipped(str(p), "lies beside the class folders") for p in others if not p.is_dir()]
        hidden += ignored
        for name in names:
            files[split, name], ignored = _entries(folder / split / name)
            hidden += ignored
            if not files[split, name]:
                raise UserError(f"{folder / split / name}: is empty; {_choose(names, without=name)}")
    return Found(folder, names, files, tuple(stray), hidden)


def _check_classes(folder: Path, names: tuple[str, ...], *, chosen: bool) -> None:
    if len(names) < 2 or len(set(names)) < len(names):
        origin = f"data.classes=[{','.join(names)}]" if chosen else f"{folder / SPLITS[0]}"
        raise UserError(f"{origin}: needs at least two classes, each named once; found {', '.join(names) or 'none'}")
    for split in SPLITS:
        there = _subfolders(folder / split)
        for name in names:
            if name not in there:
                raise UserError(
                    f"{folder / split}: has no folder for the class {name}, but {', '.join(there) or 'none'}"
                )
        if not chosen and set(there) > set(names):
            extra = next(name for name in there if name not in names)
            raise UserError(
                f"{folder / split / extra}: there is no such class in {SPLITS[0]}; {_choose((*names, extra), extra)}"
            )


def _choose(names: Sequence[str], without: str) -> str:
    left = ",".join(name for name in names if name != without)
    return f"remove the folder, or choose the classes with data.classes=[{left}]"


def _subfolders(folder: Path) -> tuple[str, ...]:
    return tuple(path.name for path in _entries(folder)[0] if path.is_dir())


def _entries(folder: Path) -> tuple[list[Path], int]:
    """What a folder holds, sorted by name, without hidden files; and how many of those there are."""
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise UserError(f"{folder}: cannot be read ({error.strerror})") from error
    shown = [path for path in entries if not path.name.startswith(".")]
    return shown, len(entries) - len(shown)
