"""YAML as Hydra and OmegaConf write it, of a file that may be somebody else's."""

import re
from typing import Any

import yaml

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"


class _Loader(_Base):  # type: ignore[misc]
    """Reads numbers as OmegaConf does: `1e-05` is one, and a date is text."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        """Refuse a key that is there twice."""
        keys = [key.value for key, _ in node.value if key.tag == f"{_TAG}str"]
        if len(set(keys)) < len(keys):
            raise yaml.constructor.ConstructorError(None, None, "a key is there twice", node.start_mark)
        return super().construct_mapping(node, deep=deep)


_Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if tag not in (f"{_TAG}timestamp", f"{_TAG}float")]
    for letter, resolvers in _Base.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    f"{_TAG}float",
    re.compile(
        r"""^(?:
         [-+]?[0-9]+(?:_[0-9]+)*\.[0-9_]*(?:[eE][-+]?[0-9]+)?
        |[-+]?[0-9]+(?:_[0-9]+)*(?:[eE][-+]?[0-9]+)
        |\.[0-9]+(?:_[0-9]+)*(?:[eE][-+][0-9]+)?
        |[-+]?[0-9]+(?:_[0-9]+)*(?::[0-5]?[0-9])+\.[0-9_]*
        |[-+]?\.(?:inf|Inf|INF)
        |\.(?:nan|NaN|NAN))$""",
        re.X,
    ),
    list("-+0123456789."),
)


def load_yaml(text: str, *, deepest: int) -> Any:
    """Plain dicts, lists and scalars; `${...}` stays text.

    Args:
        text: the document.
        deepest: levels of lists and groups within each other.

    Raises:
        yaml.YAMLError, ValueError: it cannot be read, is nested more deeply, or has what no run writes: tags, or
            anchors, by which a few lines stand for gigabytes.
    """
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise ValueError("has anchors, which no run writes")
        if getattr(event, "tag", None):
            raise ValueError("has tags, which no run writes")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > deepest:  # before the parser follows, which is native code and would crash
            raise ValueError(f"is nested more than {deepest} deep")
    return yaml.load(text, Loader=_Loader)


def value_of(text: str, *, deepest: int) -> Any:
    """A value as `load_yaml` reads it; what cannot be read like this is the text itself."""
    try:
        return load_yaml(text, deepest=deepest)
    except (yaml.YAMLError, ValueError, RecursionError):
        return text
