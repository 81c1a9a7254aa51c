"""The seeds of a run, by which samples of one configuration are told from each other."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from exp.config import yaml_text

SOURCES = ("seeds.init", "seeds.order", "seeds.augment", "data.split_seed")
"""The configuration keys of what is random, one by one, in the order of `Seeds`."""
SEEDS = ("seed", *SOURCES)
"""The configuration keys that do not tell one row from another."""


class Seeds(NamedTuple):
    """The seeds that a run had in effect, as text."""

    init: str
    order: str
    augment: str
    split: str | None
    """None if no validation examples are set apart, so that it changes nothing."""

    @property
    def text(self) -> str:
        """For people: `3` if all are 3, and what differs by name; the usual split is not named."""
        one = self.init if self.is_joint else f"init {self.init}, order {self.order}, augment {self.augment}"
        return one if self.split in (None, "0", "null") else f"{one}, split {self.split}"

    @property
    def is_joint(self) -> bool:
        """Whether the weights, the order and what is random in a step have the same seed, as `seed` gives it."""
        return self.init == self.order == self.augment


def seeds_of(config: Mapping[str, Any]) -> Seeds:
    """The seeds that a configuration, by dotted key, has in effect: one that is null is as `seed`."""
    own = config.get("seed")
    init, order, augment = (yaml_text(own if config.get(key) is None else config.get(key)) for key in SOURCES[:3])
    apart = config.get("data.validation", 0) not in (None, "own")  # a configuration in parts says nothing of it
    split = yaml_text(config.get("data.split_seed")) if apart else None
    return Seeds(init, order, augment, split)


def varying(samples: Iterable[Seeds]) -> list[str]:
    """The keys of the seeds that are not the same in all samples."""
    return [key for key, values in _values(samples).items() if len(values) > 1]


def shared_by_some(samples: Iterable[Seeds]) -> list[str]:
    """The keys of the seeds that some samples have in common, and others not: such samples are not independent."""
    return [key for key, values in _values(samples).items() if len(values) > 1 and max(values.values()) > 1]


def _values(samples: Iterable[Seeds]) -> dict[str, Counter[str | None]]:
    return (
        dict(zip(SOURCES, map(Counter, zip(*samples, strict=True)), strict=True)) if (samples := list(samples)) else {}
    )
