"""Where in the user's own code an error was raised, and what it says without what libraries put around it."""

import json

import pytest

from exp.system.own_code import message_of, place_of, told


def raised(function) -> Exception:
    with pytest.raises(Exception) as caught:  # noqa: PT011
        function()
    return caught.value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("plain", "plain"),
        ("", "no message"),
        (
            "Exception encountered when calling A.call().\n\n\x1b[1mwrong\x1b[0m\n\n"
            "Arguments received by A.call():\n  • x=3",
            "wrong",
        ),
        (
            "Exception encountered when calling A.call().\n\nException encountered when calling B.call().\n\ninner\n\n"
            "Arguments received by B.call():\n  • x\n\nArguments received by A.call():\n  • x",
            "inner",
        ),
        (
            "Exception encountered when calling M.call().\n\n\x1b[1mCould not automatically infer the output shape.\n"
            "Error encountered:\n\nno attribute\x1b[0m",
            "no attribute",
        ),
        (
            'in user code:\n\n    File "x.py", line 3, in call  *\n        x\n\n    ValueError: wrong shape\n',
            "wrong shape",
        ),
        ("{{function_node __wrapped__MatMul}} sizes differ: [1,2] [Op:MatMul] name: ", "sizes differ: [1,2]"),
        ("x" * 1000, "x" * 400 + "..."),
    ],
)
def test_the_message_is_the_errors_own(text, message):
    assert message_of(RuntimeError(text)) == message


def test_a_line_of_a_library_is_not_ones_own():
    error = raised(lambda: json.loads("{"))
    assert place_of(error).startswith("tests/system/test_own_code.py, line ")
    assert place_of(error).endswith(", in <lambda>")
    assert told(error).startswith("JSONDecodeError: ")


def test_without_a_line_of_ones_own_there_is_no_place():
    assert place_of(ValueError("never raised")) is None
    assert told(ValueError("never raised")) == "ValueError: never raised"


def test_the_cause_has_the_place(tmp_path):
    path = tmp_path / "own.py"
    path.write_text("def fail():\n    raise KeyError('x')\n")
    names: dict = {}
    exec(compile(path.read_text(), str(path), "exec"), names)
    wrapped = RuntimeError("wrapped")
    wrapped.__cause__ = raised(names["fail"])
    assert place_of(wrapped) == "own.py, line 2, in fail"


def test_a_file_that_is_no_python_is_named(tmp_path):
    path = tmp_path / "own.py"
    path.write_text("def create(:\n")
    error = raised(lambda: compile(path.read_text(), str(path), "exec"))
    assert told(error) == "SyntaxError: invalid syntax (own.py, line 1)"
