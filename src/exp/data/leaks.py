"""`data.on_leak`: examples that are in two splits. A test with what was trained on says nothing."""

import hashlib
import itertools
import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from exp.data.dataset import Dataset
from exp.data.images.look import alike
from exp.data.split import Contents, Split
from exp.errors import UserError
from exp.system.files import write_atomically
from exp.terminal.words import counted

log = logging.getLogger("exp")

MOST_NAMED = 3
"""Pairs that a message names."""
_BYTES_AT_ONCE = 2**26
"""Bound of the differences between looks that are held at once."""
_SEEN_BY = {"train": "in training", "validation": "in validation"}


@dataclass(frozen=True)
class Leak:
    """Examples of a split that are in an earlier split, too."""

    splits: tuple[str, str]
    how: str
    """`same`: the features are equal, bit for bit. `alike`: pictures that look alike, or mirrored."""
    pairs: npt.NDArray[np.int64]
    """(n, 2): for each such example of the second split, the first one of the first split that it is."""

    def sentence(self, dataset: Dataset) -> str:
        """What is wrong, with some names."""
        first, second = self.splits
        count, size = len(self.pairs), dataset.splits[second].size
        shown = self.pairs[:MOST_NAMED]
        names = ", ".join(f"{_name(dataset, second, b)} ({_name(dataset, first, a)})" for a, b in shown)
        more = ", ..." if count > MOST_NAMED else ""
        kind = "are in" if self.how == "same" else "look like pictures of"
        return (
            f"data.on_leak: {count} of {counted(size, f'{second} example')} {kind} the {first} split, and the model "
            f"has seen them {_SEEN_BY[first]}: {names}{more}"
        )


def check_leaks(dataset: Dataset, on_leak: str, *, cache: Path, trained: int | None = None) -> list[Leak]:
    """Find examples that are in two splits, in the order in which splits are looked at.

    Args:
        dataset: with its validation split, if it has one.
        on_leak: `warn`, `stop` or `ignore`.
        cache: the folder in which what was found among pictures is kept, because it takes a while.
        trained: the number of training examples that are used, the first ones; None: all.

    Raises:
        UserError: there are some, and that is to stop the run.
    """
    if on_leak == "ignore":
        return []
    found = list(_leaks(dataset, cache, trained))
    if found and on_leak == "stop":
        lines = [leak.sentence(dataset) for leak in found]
        raise UserError("\n".join([*lines, "data.on_leak=stop: remove them from one of the splits"]))
    return found


def facts(leaks: list[Leak]) -> dict[str, Mapping[str, int]]:
    """What the manifest says: for each pair of splits, how many examples of the second one are in the first one."""
    known: dict[str, dict[str, int]] = {}
    for leak in leaks:
        known.setdefault("/".join(leak.splits), {})[leak.how] = len(leak.pairs)
    return dict(known)


def _leaks(dataset: Dataset, cache: Path, trained: int | None) -> Iterator[Leak]:
    contents = {name: split.contents() for name, split in dataset.splits.items() if split.contents is not None}
    if "train" in contents and trained is not None and trained < dataset.train.size:
        contents["train"] = contents["train"].some(np.arange(trained))
    for (first, here), (second, there) in itertools.combinations(contents.items(), 2):
        same = _same(here, there)
        if len(same):
            yield Leak((first, second), "same", same)
        if here.looks is None or there.looks is None:
            continue
        pairs = _kept(cache, here.looks, there.looks)
        pairs = pairs[~np.isin(pairs[:, 1], same[:, 1])]
        if len(pairs):
            yield Leak((first, second), "alike", pairs)


def _same(here: Contents, there: Contents) -> npt.NDArray[np.int64]:
    """The first example of one split for each example of the other that has the same features."""
    digests, first = np.unique(here.digests, return_index=True)
    place = np.minimum(np.searchsorted(digests, there.digests), len(digests) - 1)
    equal = np.flatnonzero(digests[place] == there.digests)
    return np.stack([first[place[equal]], equal], axis=1).astype(np.int64)


def _kept(cache: Path, here: npt.NDArray[Any], there: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """What `_alike` finds; it is found once for the same pictures."""
    name = hashlib.sha256(here.tobytes() + b"/" + there.tobytes()).hexdigest()
    path = cache / "alike" / f"{name}.json"
    try:
        pairs = np.array(json.loads(path.read_text()), np.int64).reshape(-1, 2)
        if not len(pairs) or (pairs.min() >= 0 and (pairs < [len(here), len(there)]).all()):
            return pairs
    except (OSError, ValueError, TypeError):
        pass
    pairs = _alike(here, there)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(pairs.tolist()), durable=False)
    except OSError as error:
        log.warning("%s: cannot be written (%s); pictures are compared again the next time", path, error.strerror)
    return pairs


def _alike(here: npt.NDArray[Any], there: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """For each picture of one split that looks like one of the other, the first such one; none if it has one colour."""
    known = np.flatnonzero(here.any(axis=1))
    pairs = []
    at_once = max(1, _BYTES_AT_ONCE // (there.itemsize * 2 * max(len(known), 1)))
    for start in range(0, len(there), at_once):
        rows = there[start : start + at_once]
        matches = alike(rows, here[known])
        for row in np.flatnonzero(rows.any(axis=1) & matches.any(axis=1)):
            pairs.append((known[matches[row].argmax()], start + row))
    return np.array(pairs, np.int64).reshape(-1, 2)


def _name(dataset: Dataset, split: str, index: int) -> str:
    made: Split = dataset.splits[split]
    names = made.contents().names if made.contents else None
    return names[index] if names is not None else f"{split} example {index}"
