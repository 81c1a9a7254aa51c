"""A user's own annotations are a schema: read from the source, without importing it."""

import sys
from textwrap import dedent
from types import SimpleNamespace

import pytest

from exp.config import Target
from exp.config.arguments import argument_errors
from exp.config.error_messages import refuse_errors
from exp.config.signatures import signature_of
from exp.errors import UserError

SOURCE = '''
    """A module that must not be imported here."""
    from dataclasses import dataclass
    from typing import Annotated, Any, Literal, Optional, Union
    import typing as t
    from pydantic import Field, PositiveInt
    from .layers import deep, Deep as Deeper
    raise RuntimeError("imported")

    class Base:
        def __init__(self, *, width: int, depth: int = 2): ...

    class Child(Base):
        """Has its base's arguments."""

    class Foreign(t.Any):
        """Has what nobody here knows."""

    @dataclass
    class Data:
        width: int

    @keras.saving.register_keras_serializable()
    class Registered:
        def __init__(self, width: int, **kwargs): ...

    def model(
        *, inputs, classes: int, width: int, rate: "float" = 0.1, names: list[str] = (), pair: tuple[int, int] = (1, 2),
        sizes: tuple[int, ...] = (), kind: Literal["a", "b"] = "a", limit: Optional[int] = None, both: int | str = 1,
        share: Annotated[float, Field(ge=0, le=1)] = 0.5, layer: keras.Layer = None, sloppy: int = None,
        heads: PositiveInt = 1,
        table: dict[str, float] = None, where: t.Union[str, None] = None, anything: Any = 0, truth: bool = False,
    ): ...

    @wrapped
    def other(width: int): ...

    if True:
        def conditional(): ...
    for looped in (): ...
    match 1:
        case 1:
            def matched(): ...

    class Path(dict): ...
    Mode = int

    def odd(
        *, path: Path = None, mode: Mode.int = 1, empty: tuple[()] = (), bound: Annotated[str, Field(gt=0)] = "",
        wrong: Annotated[int, Field(gt="a")] = 0, none: Literal[()] = None, words: t.Sequence[str] = (),
        model_config: int = 1, json: int = 1, norm: float = 1.0, sequence: Sequence = 1,
    ): ...

    class Redone(Base):
        if True:
            def __init__(self, other): ...

    class Replaced:
        __init__ = print

    class Changes:
        def __init_subclass__(cls): ...

    class Changed(Changes):
        """Whatever its base makes of it."""
    made = lambda width: width
'''


@pytest.fixture(autouse=True)
def package(tmp_path, monkeypatch):
    folder = tmp_path / "annotated"
    (folder / "sub").mkdir(parents=True)
    (folder / "dyn").mkdir()
    (folder / "__init__.py").write_text("raise RuntimeError('imported')\n")
    (folder / "models.py").write_text(dedent(SOURCE))
    (folder / "layers.py").write_text(
        "from annotated.sub.inner import deep\nclass Deep:\n    def __init__(self, size: int): ...\n"
    )
    (folder / "sub" / "inner.py").write_text("def deep(*, levels: int): ...\n")
    (folder / "wrong.py").write_text("def deep(:\n")
    (folder / "dyn" / "made.py").write_text(
        "globals()['late'] = 1\nimport sys\nsys.modules['annotated.dyn.more'] = sys\n"
    )
    (folder / "star.py").write_text("from annotated.models import *\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    assert "annotated" not in sys.modules


def said(arguments, *, name="models.model", path="model", whole=True) -> str:
    """What is wrong with a node, in a person's words; empty if nothing is."""
    target = Target(name=f"annotated.{name}", arguments=arguments)
    errors, known = argument_errors(path, target, trusted=["annotated."], whole=whole)
    try:
        refuse_errors(errors, known)
    except UserError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"rate": 1, "names": ["x"], "pair": [3, 4], "sizes": [1, 2, 3], "kind": "b", "limit": 5, "both": "x"},
        {"limit": None, "sloppy": None, "table": {"x": 1}, "where": None, "layer": 3, "anything": [1], "truth": True},
        {"rate": {"_target_": "keras.optimizers.schedules.CosineDecay"}},
    ],
)
def test_what_fits_is_taken(arguments):
    assert said({"width": 3, **arguments}) == ""


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("width", "wide", "a whole number"),
        ("width", 1.5, "a whole number"),
        ("width", True, "a whole number"),
        ("rate", "1e-3x", "a number"),
        ("kind", "c", "one of a or b"),
        ("share", 2.0, "a number of at most 1.0"),
        ("names", "x", "a list, such as [0,1]"),
        ("pair", [1], "a list of at least 2"),
        ("truth", 1, "true or false"),
        ("heads", 0, "a whole number above 0"),
        ("table", 3, "a group of keys"),
        ("sloppy", "x", "a whole number"),
    ],
)
def test_what_does_not_fit_is_named(key, value, allowed):
    shown = "true" if value is True else value
    assert said({"width": 3, key: value}) == f"model.{key}={shown}: must be {allowed}"


@pytest.mark.parametrize(
    "arguments",
    [
        {"path": {"a": 1}, "mode": "x", "empty": [], "bound": "x", "wrong": 5, "none": 3, "sequence": 1.5},
        {"words": "text", "norm": float("inf")},
        {"words": ["a"], "model_config": 2, "json": 3},
    ],
)
def test_what_says_nothing_refuses_nothing(arguments):
    """Names of the user's own, bounds that no value can be held to, parameters with names that pydantic has, too."""
    assert said(arguments, name="models.odd") == ""
    assert said({"model_config": "x"}, name="models.odd") == "model.model_config=x: must be a whole number"


def test_an_archive_is_left_to_python(tmp_path, monkeypatch):
    import zipfile

    with zipfile.ZipFile(tmp_path / "code.zip", "w") as archive:
        archive.writestr("zipped.py", "def model(width: int): ...\n")
        archive.writestr("zippack/__init__.py", "")
        archive.writestr("zippack/models.py", "def model(width: int): ...\n")
    monkeypatch.syspath_prepend(tmp_path / "code.zip")
    assert signature_of("model", "zipped.model") is None
    assert signature_of("model", "zippack.models.model") is None


def test_names_are_checked():
    assert said({"width": 3, "widht": 4}) == "model.widht: there is no such key; did you mean model.width?"
    assert said({}) == (
        "model.width: is missing, and annotated.models.model needs it; give +model.width=VALUE, or add it to the file "
        "of the choice"
    )
    assert said({}, path="hooks[0]", whole=False, name="models.Child") == ""
    assert said({"width": 3, "classes": 4}).startswith("model.classes: there is no such key")


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("models.Base", ["width", "depth"]),
        ("models.Child", ["width", "depth"]),
        ("models.Registered", ["width"]),
        ("models.deep", ["levels"]),
        ("models.Deeper", ["size"]),
        ("models.Foreign", None),
        ("models.Data", None),
        ("models.other", None),
        ("models.conditional", None),
        ("models.made", None),
        ("models.looped", None),
        ("models.matched", None),
        ("models.Redone", None),
        ("models.Replaced", None),
        ("models.Changed", None),
        ("dyn.made.late", None),
        ("dyn.more.late", None),
        ("models.Base.method", None),
        ("star.model", None),
    ],
)
def test_what_the_source_tells(name, parameters):
    signature = signature_of("model", f"annotated.{name}")
    assert (None if signature is None else list(signature.parameters)) == parameters


def test_what_is_taken_by_any_name_is_not_refused():
    assert said({"width": 3, "anything": 4}, name="models.Registered") == ""
    assert "must be a whole number" in said({"width": "x", "anything": 4}, name="models.Registered")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "models.modl",
            "cannot be found (module 'annotated.models' has no attribute 'modl'); did you mean annotated.models.model?",
        ),
        ("modles.model", "cannot be found (No module named 'annotated.modles')"),
        ("sub.outer.deep", "cannot be found (No module named 'annotated.sub.outer')"),
        ("wrong.deep", "cannot be imported: SyntaxError: invalid syntax (wrong.py, line 1)"),
    ],
)
def test_what_is_not_there_is_named_at_once(name, message):
    with pytest.raises(UserError) as refused:
        signature_of("model", f"annotated.{name}")
    assert str(refused.value) == f"model._target_=annotated.{name}: {message}"


def test_a_module_that_is_imported_is_read_all_the_same(monkeypatch):
    monkeypatch.setitem(sys.modules, "annotated_made", SimpleNamespace(__spec__=None))
    assert signature_of("model", "annotated_made.model") is None
    assert list(signature_of("model", "tests.config.test_signatures.said").parameters) == [
        "arguments",
        "name",
        "path",
        "whole",
    ]


def test_a_package_that_is_not_there_is_named():
    with pytest.raises(UserError, match=r"cannot be found \(No module named 'not_there_at_all'\)"):
        signature_of("model", "not_there_at_all.models.create")
