"""Printed commands: what they say arrives as it was meant, through the shell and through Hydra."""

import shlex
import sys
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from exp.terminal import commands
from exp.terminal.commands import COMMANDS
from tests.support.root import ROOT

AWKWARD = [
    "outputs/2026-11-24/05-13-34_mlp",
    "outputs/é",
    "a b",
    "a[1]",
    "a{b: c}",
    "a,b",
    "a=b",
    "*",
    "it's",
    'a "quote"',
    "back\\slash",
    "ends\\",
    'both\\"',
    "~",
    "~home",
    "-x",
    "${seed}",
    "\\${seed}",
    "$HOME",
    "1e5",
    "1_000",
    "007",
    "null",
    "True",
    "nan",
    "a:b",
    "#x",
    "(a)",
    "a;b|c&d",
    "日本",
    "a\tb",
    "!x",
    "%s",
    "`id`",
    "$(id)",
    " a ",
]


def taken(word: str) -> object:
    """What the configuration holds after an override."""
    parsed = OverridesParser.create().parse_override(word)
    assert not parsed.is_sweep_override()
    return OmegaConf.create({"value": parsed.value(), "seed": 7}).value


@pytest.mark.parametrize("text", AWKWARD)
def test_an_override_arrives_as_the_very_text(text):
    (word,) = shlex.split(commands.override("resume", text))
    assert taken(word) == text


def test_what_is_plain_stays_plain():
    assert commands.override("resume", "outputs/2026-11-24/05-13-34_mlp") == "resume=outputs/2026-11-24/05-13-34_mlp"
    assert commands.override("resume", "outputs/é") == "resume='\"outputs/é\"'"


@pytest.mark.parametrize("text", AWKWARD)
def test_a_trusted_prefix_arrives(text):
    words = shlex.split(commands.run_command("resume=x", trusted=[text, "other."]))
    parsed = OverridesParser.create().parse_override(words[-1])
    assert OmegaConf.to_container(OmegaConf.create({"v": parsed.value(), "seed": 7}), resolve=True)["v"] == [
        text,
        "other.",
    ]


def test_the_program_is_called_from_where_one_stands(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "argv", [str(ROOT / "run.py")])
    monkeypatch.chdir(tmp_path)
    assert f" {ROOT / 'run.py'} resume=x" in commands.run_command("resume=x")
    monkeypatch.chdir(ROOT)
    assert commands.run_command("resume=x").endswith(" run.py resume=x")
    assert commands.script_command("compare", folder=Path("-x")).endswith(" scripts/compare.py ./-x")


@pytest.mark.parametrize("started", ["exp", "exp compare"])
def test_who_started_exp_is_told_of_exp(monkeypatch, tmp_path, started):
    monkeypatch.setattr(sys, "argv", [str(tmp_path / started), "-m", "seed=1,2"])
    monkeypatch.setattr(commands, "_program", lambda name: None)
    assert commands.run_command("resume=x") == "exp resume=x"
    assert commands.script_command("compare", "--sort a", folder=Path("s")) == "exp compare s --sort a"
    assert commands.same_command("hydra.sweep.dir", "s") == "exp -m seed=1,2 hydra.sweep.dir=s"
    assert commands.as_called("so: python scripts/show_data.py --x") == "so: exp data --x"
    assert commands.called() == "exp"


def test_commands_have_their_programs_in_the_repository(monkeypatch):
    monkeypatch.setattr(sys, "argv", [str(ROOT / "run.py")])
    monkeypatch.chdir(ROOT)
    for command in COMMANDS:
        assert Path(commands.program(command).partition(" ")[2]).is_file()
    text = "so: python scripts/show_data.py --x"
    assert (commands.as_called(text), commands.called()) == (text, "python run.py")


def test_own_code_is_found_again(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/my code")
    command = commands.run_command("resume=x", trusted=["mine."])
    assert command.startswith("PYTHONPATH='/my code' ")
    assert command.endswith(" resume=x trusted_targets='[mine.]'")
    assert not commands.run_command("resume=x").startswith("PYTHONPATH")


def test_the_same_command_has_the_key_once(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["run.py", "-m", "seed=range(3)", "hydra.sweep.dir=old", "data.dir='a b'"])
    words = shlex.split(commands.same_command("hydra.sweep.dir", "new é"))
    assert words[-4:] == ["-m", "seed=range(3)", "data.dir='a b'", 'hydra.sweep.dir="new é"']


def test_tensorboard_looks_where_the_run_is(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert commands.neighbourhood(Path("outputs/day/run")) == Path("outputs")
    assert commands.neighbourhood(Path("other/day/run")) == tmp_path / "other/day"
    assert commands.neighbourhood(Path("run")) == Path("run")
    assert commands.neighbourhood(Path("/elsewhere/runs/one")) == Path("/elsewhere/runs")
    assert commands.tensorboard(Path("a b")).endswith("tensorboard --logdir 'a b'")
    assert commands.tensorboard(tmp_path / "~x").endswith(" --logdir './~x'")
