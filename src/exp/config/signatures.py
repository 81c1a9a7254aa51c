"""Signatures of a user's own functions and classes, read from their source: importing that may import TensorFlow.

What the source does not tell, because it is made while the module is imported, is left to the call itself.
"""

import ast
import difflib
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from exp.config.annotations import Imported, type_of
from exp.errors import UserError
from exp.system.own_code import told

_MAKES_NAMES = ("globals(", "vars(", "setattr(", "exec(", "__dict__", "sys.modules", "__path__")
"""What source has that defines names in other ways than by writing them down."""
_MAKERS = ("__init__", "__new__")
_COMPOUND = (ast.If, ast.Try, ast.TryStar, ast.With, ast.For, ast.While, ast.Match)
_KEEP_SIGNATURES = ("register_keras_serializable", "override", "final", "no_type_check", "staticmethod")
"""Decorators that leave the parameters of what they decorate alone."""
MOST_IMPORTS = 5
"""How many modules are followed to the one that defines what others import from it."""


@dataclass(frozen=True)
class Parameter:
    """A parameter that a configuration may set."""

    kind: Any
    """A type for pydantic; `Any` if its annotation says nothing, or nothing that a configuration can be held to."""
    required: bool


@dataclass(frozen=True)
class Signature:
    """What a function, or the `__init__` of a class, takes by name."""

    parameters: dict[str, Parameter]
    takes_others: bool
    """Whether it takes any other name as well (`**kwargs`)."""


def signature_of(path: str, name: str) -> Signature | None:
    """The signature of what a dotted name leads to; None if the source does not tell.

    Nothing is imported.

    Args:
        path: the key of the node that names it.
        name: of a function or class.

    Raises:
        UserError: there is no such module, or no such name in it, or its source is no Python.
    """
    module, _, attribute = name.rpartition(".")
    return _find(f"{path}._target_={name}", module, attribute, MOST_IMPORTS)


def _find(what: str, module: str, attribute: str, imports_left: int) -> Signature | None:
    place = _place(what, module)
    if place is None or not imports_left:
        return None
    defined = _parsed(what, place, place.stat().st_mtime_ns)
    found = defined.get(attribute)
    if isinstance(found, ast.FunctionDef):
        return _signature(found, defined) if _keeps_signature(found) else None
    if isinstance(found, ast.ClassDef):
        return _of_class(what, module, found, defined, imports_left)
    if isinstance(found, Imported):
        return _find(what, _origin(found, module, place), found.name, imports_left - 1)
    told_elsewhere = {"*", "__getattr__"} & defined.keys() or _submodule(place, attribute) is not None
    if found is None and not told_elsewhere and not _makes_names(place):
        near = difflib.get_close_matches(attribute, defined, n=1)
        meant = f"; did you mean {module}.{near[0]}?" if near else ""
        raise UserError(f"{what}: cannot be found (module {module!r} has no attribute {attribute!r}){meant}")
    return None


def _origin(found: Imported, module: str, place: Path) -> str:
    """The dotted name of the module that an import in another module takes something from."""
    if not found.level:
        return found.module
    package = module if place.name == "__init__.py" else module.rpartition(".")[0]
    above = package.rsplit(".", found.level - 1)[0] if found.level > 1 else package
    return ".".join(part for part in (above, found.module) if part)


def _of_class(
    what: str, module: str, found: ast.ClassDef, defined: dict[str, Any], imports_left: int
) -> Signature | None:
    """The signature of `__init__`, of the class or of the one base that it has; None if it may be another one."""
    bound = {name for name, _ in _definitions(found.body)} & {*_MAKERS, "__init_subclass__"}
    if not _keeps_signature(found) or found.keywords or "__init_subclass__" in bound:
        return None
    if bound:
        own = [node for node in found.body if isinstance(node, ast.FunctionDef) and node.name in _MAKERS]
        is_plain = len(own) == len(bound) == 1 and _keeps_signature(own[0])
        return _signature(own[0], defined, skip=1) if is_plain else None
    base = found.bases[0] if len(found.bases) == 1 else None
    if isinstance(base, ast.Name) and base.id in defined and base.id != found.name:
        return _find(what, module, base.id, imports_left - 1)
    return None


def _signature(node: ast.FunctionDef, defined: dict[str, Any], *, skip: int = 0) -> Signature:
    """The signature of a definition, without its first parameters, such as `self`."""
    given = node.args
    positional = [*given.posonlyargs, *given.args]
    defaults = [None] * (len(positional) - len(given.defaults)) + list(given.defaults)
    pairs = [*zip(positional, defaults, strict=True)][skip:]
    pairs = [(one, default) for one, default in pairs if one not in given.posonlyargs]
    pairs += zip(given.kwonlyargs, given.kw_defaults, strict=True)
    parameters = {}
    for one, default in pairs:
        kind = type_of(one.annotation, defined)
        if isinstance(default, ast.Constant) and default.value is None and kind not in (Any, None):
            kind = kind | None  # `width: int = None` is often written, and means it
        parameters[one.arg] = Parameter(kind, required=default is None)
    return Signature(parameters, takes_others=given.kwarg is not None)


def _keeps_signature(node: ast.FunctionDef | ast.ClassDef) -> bool:
    for decorator in node.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        name = called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
        if name not in _KEEP_SIGNATURES:
            return False
    return True


def _place(what: str, module: str) -> Path | None:
    """The source of a module; None if it has none, or if only Python itself knows where it is.

    Raises:
        UserError: there is no such module.
    """
    top, *rest = module.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None:
        raise UserError(f"{what}: cannot be found (No module named {top!r})")
    origin = Path(spec.origin) if spec.origin and spec.origin.endswith(".py") else None
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    if not all(folder.is_dir() for folder in folders):
        return None  # in an archive, or found by a way of its own
    place = origin if origin is not None and origin.is_file() else None
    for number, part in enumerate(rest, 2):
        found = next((one for folder in folders if (one := _below(folder, part)) is not None), None)
        if found is None:
            _check_absent(what, ".".join([top, *rest][:number]), part, place, folders)
            return None
        place = found if found.is_file() else None
        folders = [found.parent if found.name == "__init__.py" else found]
    return place


def _check_absent(what: str, module: str, part: str, package: Path | None, folders: Sequence[Path]) -> None:
    """Refuse a module that is not there, unless its package may make it, or has something else of that name."""
    if module in sys.modules:
        return
    beside = [path for folder in folders for path in folder.glob("*.py")]
    if any(any(folder.glob(f"{part}.*")) for folder in folders) or any(_makes_names(path) for path in beside):
        return
    if package is not None and part in _parsed(what, package, package.stat().st_mtime_ns):
        return
    raise UserError(f"{what}: cannot be found (No module named {module!r})")


def _makes_names(place: Path) -> bool:
    source = place.read_text(errors="replace")
    return any(way in source for way in _MAKES_NAMES)


def _below(folder: Path, name: str) -> Path | None:
    """A module or package in a folder: its file, or a folder that is a package without one."""
    for place in (folder / name / "__init__.py", folder / f"{name}.py"):
        if place.is_file():
            return place
    return folder / name if (folder / name).is_dir() else None


def _submodule(place: Path, name: str) -> Path | None:
    return _below(place.parent, name) if place.name == "__init__.py" else None


@lru_cache(maxsize=64)
def _parsed(what: str, place: Path, changed: int) -> dict[str, Any]:
    """What a module defines, as `annotations.Defined` has it."""
    try:
        tree = ast.parse(place.read_bytes(), filename=str(place))
    except (SyntaxError, ValueError) as error:
        raise UserError(f"{what}: cannot be imported: {told(error)}") from error
    return dict(_definitions(tree.body))


def _definitions(body: Sequence[ast.stmt]) -> Iterator[tuple[str, Any]]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name, node
        elif isinstance(node, ast.AsyncFunctionDef):
            yield node.name, True
        elif isinstance(node, ast.ImportFrom):
            yield from (
                (one.asname or one.name, Imported(node.level, node.module or "", one.name)) for one in node.names
            )
        elif isinstance(node, ast.Import):
            yield from ((one.asname or one.name, one.name) for one in node.names)
        else:
            yield from _assigned(node)


def _assigned(node: ast.stmt) -> Iterator[tuple[str, Any]]:
    """The names that a statement binds; no more, because it is not known which branch of a compound one is taken."""
    if isinstance(node, _COMPOUND):
        inner = [one for one in ast.walk(node) if isinstance(one, ast.stmt) and one is not node]
        types_only = isinstance(node, ast.If) and ast.unparse(node.test).rpartition(".")[2] == "TYPE_CHECKING"
        yield from ((name, what if types_only else True) for name, what in _definitions(inner))
    stored = (one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store))
    yield from ((name, True) for name in stored)
