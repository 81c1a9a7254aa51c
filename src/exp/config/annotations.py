"""Annotations in source text as types that a configuration's values can be held to. Nothing of it is evaluated."""

import ast
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union

from pydantic import ConfigDict, Field, TypeAdapter

Defined = Mapping[str, Any]
"""What a module defines by name: a definition, an `Imported`, the dotted name of an imported module, or True."""
_BUILTINS = ("int", "float", "str", "bool", "list", "tuple", "set", "frozenset", "dict")
_MODULES = ("typing", "typing_extensions", "collections.abc", "pathlib", "pydantic")
"""Modules whose names are known here."""
_TEXTS = ("Sequence", "Iterable", "Collection")
"""What a text is, too, if nothing is said of its members, or that they are texts."""
_LISTS = (*_TEXTS, "list", "List", "set", "Set", "frozenset", "FrozenSet")
_TUPLES = ("tuple", "Tuple")
_DICTS = ("dict", "Dict", "Mapping", "MutableMapping")
"""A configuration has lists where code speaks of tuples and sets, and text for paths."""
_PLAIN: dict[str, Any] = {
    "int": int,
    "float": float,
    "str": str,
    "bool": bool,
    "Path": str,
    "PositiveInt": Annotated[int, Field(gt=0)],
    "NonNegativeInt": Annotated[int, Field(ge=0)],
    "PositiveFloat": Annotated[float, Field(gt=0)],
    "NonNegativeFloat": Annotated[float, Field(ge=0)],
    **dict.fromkeys((*_LISTS, *_TUPLES), list),
    **dict.fromkeys(_TEXTS, list | str),
    **dict.fromkeys(_DICTS, dict),
}
_BOUNDS = ("gt", "ge", "lt", "le", "min_length", "max_length")
"""What of pydantic's `Field` a value can be held to."""
STRICT = ConfigDict(strict=True)


class _UnknownError(Exception):
    """An annotation, or a part of it, that says nothing about what a configuration can have."""


def type_of(annotation: ast.expr | None, defined: Defined) -> Any:
    """A type for pydantic in its strict mode; `Any` if the annotation is missing, or is about other things.

    Args:
        annotation: of a parameter.
        defined: what its module defines, which may have a meaning of its own for a name.
    """
    if annotation is None:
        return Any
    try:
        kind = _type(annotation, defined)
        TypeAdapter(kind, config=STRICT).validate_python("", strict=True)
    except _UnknownError:
        return Any
    except ValueError:  # the empty text is not of this type, which can be used
        return kind
    except Exception:  # nor can any other value be held to it: a bound of another kind, no member
        return Any
    return kind


def _type(node: ast.expr, defined: Defined) -> Any:
    if isinstance(node, ast.Constant):
        return _constant(node.value, defined)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return Union[_type(node.left, defined), _type(node.right, defined)]  # noqa: UP007 a member may be Annotated
    if isinstance(node, ast.Subscript):
        inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if not inner:
            raise _UnknownError
        return _generic(_name(node.value, defined), inner, defined)
    if _name(node, defined) in _PLAIN:
        return _PLAIN[_name(node, defined)]
    raise _UnknownError


def _constant(value: Any, defined: Defined) -> Any:
    """What None or an annotation in quotes stands for."""
    if value is None:
        return None
    try:
        return _type(ast.parse(value, mode="eval").body, defined)
    except (SyntaxError, TypeError):
        raise _UnknownError from None


def _generic(name: str, inner: list[ast.expr], defined: Defined) -> Any:
    if name in _DICTS and len(inner) == 2:
        return dict[_type(inner[0], defined), _type(inner[1], defined)]  # type: ignore[misc]
    if name == "Literal" and all(isinstance(one, ast.Constant) for one in inner):
        return Literal[tuple(one.value for one in inner if isinstance(one, ast.Constant))]
    if name in ("Union", "Optional"):
        members = [_type(one, defined) for one in inner]
        return Union[tuple(members if name == "Union" else [*members, None])]  # noqa: UP007
    make = {**dict.fromkeys(_LISTS, _list), **dict.fromkeys(_TUPLES, _tuple), "Annotated": _annotated}.get(name)
    if make is None:
        raise _UnknownError
    kind = make(inner, defined)
    return Union[kind, str] if name in _TEXTS and kind == list[str] else kind  # noqa: UP007


def _list(inner: list[ast.expr], defined: Defined) -> Any:
    return list[_type(inner[0], defined)]  # type: ignore[misc]


def _annotated(inner: list[ast.expr], defined: Defined) -> Any:
    bounds = [bound for one in inner[1:] for bound in _bounds(one, defined)]
    kind = _type(inner[0], defined)
    return Annotated[kind, Field(**dict(bounds))] if bounds else kind


def _tuple(inner: list[ast.expr], defined: Defined) -> Any:
    """A list, of one length if the tuple has one and its members are of one kind."""
    if len(inner) == 2 and isinstance(inner[1], ast.Constant) and inner[1].value is Ellipsis:
        return _list(inner, defined)
    kinds = [_type(one, defined) for one in inner]
    each = kinds[0] if all(kind == kinds[0] for kind in kinds) else Any
    return Annotated[list[each], Field(min_length=len(kinds), max_length=len(kinds))]  # type: ignore[valid-type]


def _bounds(node: ast.expr, defined: Defined) -> list[tuple[str, Any]]:
    if not (isinstance(node, ast.Call) and _name(node.func, defined) == "Field"):
        return []
    found = []
    for keyword in node.keywords:
        if keyword.arg in _BOUNDS:
            try:
                found.append((keyword.arg, ast.literal_eval(keyword.value)))
            except ValueError:
                raise _UnknownError from None
    return found


def _name(node: ast.expr, defined: Defined) -> str:
    """What a name is called where it comes from: `List` for `typing.List`; empty if it is somebody's own."""
    if isinstance(node, ast.Attribute):
        return node.attr if defined.get(ast.unparse(node.value)) in _MODULES else ""
    if not isinstance(node, ast.Name):
        return ""
    origin = defined.get(node.id)
    if origin is None:
        return node.id if node.id in _BUILTINS and "*" not in defined else ""
    return origin.name if isinstance(origin, Imported) and not origin.level and origin.module in _MODULES else ""


class Imported:
    """What an import takes from another module."""

    def __init__(self, level: int, module: str, name: str) -> None:
        """Note it: `from ..module import name` has level 2."""
        self.level, self.module, self.name = level, module, name
