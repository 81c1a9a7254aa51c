"""Hydra is spared looking for `hydra.mode` only where nothing can set it."""

import pytest
from hydra._internal.hydra import Hydra

from exp.cli.hydra_mode import mode_from_options
from tests.support.root import ROOT

OWN = Hydra.get_mode


def looks(arguments: list[str], conf) -> bool:
    """Whether Hydra itself looks for the mode; afterwards it always does."""
    with mode_from_options(arguments, conf):
        found = Hydra.get_mode is OWN
    assert Hydra.get_mode is OWN
    return found


@pytest.mark.parametrize("arguments", [[], ["-m", "seed=1,2"], ["mode=test", "run=outputs/x"], ["hydra.run.dir=x"]])
def test_nothing_in_the_projects_own_configuration_sets_it(arguments):
    assert not looks(arguments, ROOT / "conf")


@pytest.mark.parametrize(
    "argument",
    ["hydra.mode=MULTIRUN", "+hydra.mode=RUN", "hydra.searchpath=[file://x]", "--config-dir=x", "-cd", "-cn=other"],
)
def test_an_option_may_set_it_or_bring_what_does(argument):
    assert looks([argument], ROOT / "conf")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hydra:\n  mode: MULTIRUN\n", True),
        ("# @package hydra\n'mode': MULTIRUN\n", True),
        ("hydra: {mode: MULTIRUN}\n", True),
        ("hydra:\n  searchpath: [file://x]\n", True),
        ("mode: train\n# hydra: {mode: MULTIRUN}\nmodel: mlp\n", False),
    ],
)
def test_a_configuration_may_set_it(tmp_path, text, expected):
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text(text)
    assert looks([], tmp_path) is expected


def test_an_error_leaves_hydra_as_it_was():
    with pytest.raises(ZeroDivisionError), mode_from_options([], ROOT / "conf"):
        raise ZeroDivisionError
    assert Hydra.get_mode is OWN
