"""The page of what Python code imports: a name that is alone in an item of a list becomes what its docstring says."""

import importlib
import inspect
import re
from types import ModuleType
from typing import Any

_NAME = re.compile(r"^- `(exp[\w.]*?)(\.\*)?`$", flags=re.MULTILINE)


def written(text: str) -> str:
    """The page, with a directive of Sphinx for each name; `- `exp.*`` stands for all that `exp.__all__` names."""
    return _NAME.sub(lambda found: "".join(_directive(name) for name in _names(found[1], bool(found[2]))), text)


def _names(name: str, is_all: bool) -> list[str]:
    if not is_all:
        return [name]
    every = [f"{name}.{one}" for one in _found(name).__all__]
    return [one for one in every if not isinstance(_found(one), ModuleType)]


def _found(name: str) -> Any:
    """What a dotted name leads to: the longest part of it that is a module, and attributes from there."""
    module, *attributes = name.split(".")
    found: Any = importlib.import_module(module)
    for attribute in attributes:
        try:
            found = getattr(found, attribute)
        except AttributeError:
            found = importlib.import_module(f"{found.__name__}.{attribute}")
    return found


def _directive(name: str) -> str:
    found = _found(name)
    kind = "class" if inspect.isclass(found) else "module" if isinstance(found, ModuleType) else "function"
    options = (
        ["   :members:", "   :special-members: __call__"] if kind == "class" else ["   :no-index:"] * (kind == "module")
    )
    return "\n".join(["```{eval-rst}", f".. auto{kind}:: {name}", *options, "```", "", ""])


def signed(*event: Any) -> tuple[str, str | None] | None:
    """Sphinx's event: a signature is about to be parsed.

    The default of a dataclass's dict would prevent that, and a protocol is implemented, not called.
    """
    *_, found, _, signature, returned = event
    if getattr(found, "_is_protocol", False):
        return "", None
    return (signature.replace("<factory>", "..."), returned) if signature else None


def read(app: Any, what: str, name: str, found: Any, options: Any, lines: list[str]) -> None:  # noqa: PLR0917 Sphinx's
    """Sphinx's event: a docstring was read. Napoleon would take what is before a colon in its first line for a type."""
    if what in ("attribute", "property"):
        lines.insert(0, "\\ ")  # an escaped space is a line, and shows nothing
