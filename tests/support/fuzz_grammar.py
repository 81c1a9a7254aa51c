"""Command lines made of what conf/ has: its groups, choices and keys, with good values and nasty ones."""

from pathlib import Path
from typing import Any

from hypothesis import strategies
from omegaconf import OmegaConf

from exp.config.flat import flat

CONF = Path(__file__).resolve().parents[2] / "conf"
GROUPS = sorted({str(path.parent.relative_to(CONF)) for path in CONF.rglob("*.yaml") if path.parent != CONF})
CHOICES = [f"{group}={path.stem}" for group in GROUPS for path in sorted((CONF / group).glob("*.yaml"))]
KEYS, OPTIONS, NASTY = (
    (Path(__file__).parent / name).read_text().splitlines() for name in ("keys.txt", "options.txt", "values.txt")
)
NASTY += ["", " ", "\t", "a\nb", "'a\nb'", "\x1b[31mred", "\u202ea", "x" * 300, "x" * 5000, "nope/" * 20]
NASTY += ["[" * 60 + "]" * 60, "{a:" * 30 + "1" + "}" * 30]
SIGNS = ["", "", "", "", "", "+", "++", "~", "+~", "+++"]


def _keys() -> list[str]:
    keys = [*KEYS, ""]
    for path in sorted(CONF.glob("*/*.yaml")):
        group = path.parent.name
        content: Any = OmegaConf.to_container(OmegaConf.load(path))
        keys += [group, f"{group}@x", f"{group}@_global_", f"{group}@data"]
        keys += [f"{group}.{key}" for key in flat(content)] if group != "experiment" else []
        keys += [f"{group}.nope", f"{group}.", f".{group}", f"{group}.name.x", f"{group}[0]", f"{group}/x"]
    return sorted(set(keys))


def overrides() -> strategies.SearchStrategy[str]:
    """One override, or what looks like one."""
    value = strategies.one_of(
        strategies.sampled_from(NASTY), strategies.text(max_size=12).filter(lambda t: "\0" not in t)
    )
    key = strategies.sampled_from(_keys())
    given = strategies.builds("{}{}={}".format, strategies.sampled_from(SIGNS), key, value)
    bare = strategies.builds("{}{}".format, strategies.sampled_from(SIGNS), key)
    return strategies.one_of(given, given, given, strategies.sampled_from(CHOICES), bare)


def lines() -> strategies.SearchStrategy[list[str]]:
    """A command line: a few overrides, and now and then an option among them."""
    words = strategies.lists(overrides(), min_size=0, max_size=3)
    option = strategies.one_of(
        strategies.just([]), strategies.just(["-m"]), strategies.sampled_from(OPTIONS).map(str.split)
    )
    return strategies.builds(
        lambda words, option, first: option + words if first else words + option, words, option, strategies.booleans()
    )
