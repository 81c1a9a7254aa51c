"""Annotations in source text as types that a configuration's values can be held to. Nothing of it is evaluated."""

import ast
from typing import Annotated, Any, Literal, Union

from pydantic import Field

_LISTS = ("list", "List", "Sequence", "Iterable", "Collection", "set", "Set", "frozenset", "FrozenSet")
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
    **dict.fromkeys(_DICTS, dict),
}
_BOUNDS = ("gt", "ge", "lt", "le", "min_length", "max_length")
"""What of pydantic's `Field` a value can be held to."""


class _UnknownError(Exception):
    """An annotation, or a part of it, that says nothing about what a configuration can have."""


def type_of(annotation: ast.expr | None) -> Any:
    """A type for pydantic in its strict mode; `Any` if the annotation is missing, or is about other things."""
    if annotation is None:
        return Any
    try:
        return _type(annotation)
    except _UnknownError:
        return Any


def _type(node: ast.expr) -> Any:
    if isinstance(node, ast.Constant):
        return _constant(node.value)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return Union[_type(node.left), _type(node.right)]  # noqa: UP007 a member may be Annotated
    if isinstance(node, ast.Subscript):
        inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        return _generic(_name(node.value), inner)
    if _name(node) in _PLAIN:
        return _PLAIN[_name(node)]
    raise _UnknownError


def _constant(value: Any) -> Any:
    """What None or an annotation in quotes stands for."""
    if value is None:
        return None
    try:
        return _type(ast.parse(value, mode="eval").body)
    except (SyntaxError, TypeError):
        raise _UnknownError from None


def _generic(name: str, inner: list[ast.expr]) -> Any:
    if name in _DICTS and len(inner) == 2:
        return dict[_type(inner[0]), _type(inner[1])]  # type: ignore[misc]
    if name == "Literal" and all(isinstance(one, ast.Constant) for one in inner):
        return Literal[tuple(one.value for one in inner if isinstance(one, ast.Constant))]
    if name in ("Union", "Optional"):
        members = [_type(one) for one in inner]
        return Union[tuple(members if name == "Union" else [*members, None])]  # noqa: UP007
    make = {**dict.fromkeys(_LISTS, _list), **dict.fromkeys(_TUPLES, _tuple), "Annotated": _annotated}.get(name)
    if make is None:
        raise _UnknownError
    return make(inner)


def _list(inner: list[ast.expr]) -> Any:
    return list[_type(inner[0])]  # type: ignore[misc]


def _annotated(inner: list[ast.expr]) -> Any:
    bounds = [bound for one in inner[1:] for bound in _bounds(one)]
    return Annotated[_type(inner[0]), Field(**dict(bounds))] if bounds else _type(inner[0])


def _tuple(inner: list[ast.expr]) -> Any:
    """A list, of one length if the tuple has one and its members are of one kind."""
    if len(inner) == 2 and isinstance(inner[1], ast.Constant) and inner[1].value is Ellipsis:
        return _list(inner)
    kinds = [_type(one) for one in inner]
    each = kinds[0] if all(kind == kinds[0] for kind in kinds) else Any
    return Annotated[list[each], Field(min_length=len(kinds), max_length=len(kinds))]  # type: ignore[valid-type]


def _bounds(node: ast.expr) -> list[tuple[str, Any]]:
    if not (isinstance(node, ast.Call) and _name(node.func) == "Field"):
        return []
    found = []
    for keyword in node.keywords:
        if keyword.arg in _BOUNDS:
            try:
                found.append((keyword.arg, ast.literal_eval(keyword.value)))
            except ValueError:
                raise _UnknownError from None
    return found


def _name(node: ast.expr) -> str:
    """The last part of a name: `List` of `typing.List`."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
