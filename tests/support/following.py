"""Follows a page of the documentation as a reader would: its commands and programs are run, from top to bottom."""

import doctest
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from tests.support.pages import Block, blocks
from tests.support.root import ROOT

NOT_TO_BE_WAITED_FOR = ("tensorboard ", "make ")
"""Commands that serve until they are stopped, or that install packages: they must exist."""

KEEP = 'if [ "${RUN-}" ]; then declare -p RUN > .shell; fi'
"""A reader's shell remembers the variable from one block of a page to the next."""

LINKED = ("run.py", "scripts", "examples", "conf", "benchmarks")
"""What a reader's folder has of the project."""


def follow(path: Path, folder: Path, python: Path) -> list[str]:
    """Do what an (English) page says, in a folder that looks like the project; return what went wrong.

    Args:
        path: the page.
        folder: where its commands are run.
        python: the folder of the `python` that the page means.
    """
    for name in LINKED:
        if not (folder / name).exists():
            (folder / name).symlink_to(ROOT / name)
    found = blocks(path)
    run_by_commands = " ".join(block.text for block in found if block.language == "sh")
    wrong = []
    for block in found:
        if block.language == "sh":
            wrong += commands(block, folder, python)
        elif not block.title:
            continue  # a part of a program, which is no file of the project
        elif block.output is not None:
            wrong += program(["python", block.title], block, folder, python)
        elif Path(block.title).stem not in run_by_commands:
            wrong.append(f"{block.title}: nothing on the page runs it")
    return wrong


def checked(path: Path) -> list[str]:
    """What is wrong with the commands of a page, as far as that can be told without running them."""
    return [problem for block in blocks(path) if block.language == "sh" for problem in unrun(block)]


def commands(block: Block, folder: Path, python: Path) -> list[str]:
    """What is wrong with a block of commands."""
    if block.title or any(command.startswith(NOT_TO_BE_WAITED_FOR) for command in block.commands):
        return unrun(block)
    script = f"[ ! -e .shell ] || . ./.shell\n{block.text}\n{KEEP}"
    return program(["bash", "-euo", "pipefail", "-c", script], block, folder, python)


def unrun(block: Block) -> list[str]:
    """What is wrong with commands that are not run: keys and values of runs, and the existence of everything else."""
    wrong = []
    for command in block.commands:
        if command.removeprefix("srun -N 2 ").startswith("python run.py"):
            wrong += configuration(command)
        elif command.startswith("python ") and f"> {command.split()[1]} " in block.text:
            continue  # the page writes it
        elif command.startswith(("python ", "make ", *NOT_TO_BE_WAITED_FOR)):
            wrong += existence(command)
        elif block.title:
            wrong.append(f"{command}: is neither run nor checked")
    return wrong


def program(command: list[str], block: Block, folder: Path, python: Path) -> list[str]:
    """Run something as a user would, who has no GPU; say what differs from the page."""
    hidden = ("TF_CPP_MIN_LOG_LEVEL", "COLUMNS")  # the tests' own
    environment = {key: value for key, value in os.environ.items() if key not in hidden}
    environment |= {
        "PATH": f"{python}{os.pathsep}{path_with_environment()}",
        "XDG_CACHE_HOME": str(folder / "cache"),
        "CUDA_VISIBLE_DEVICES": "",
    }
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=280, check=False
    )
    if done.returncode:
        return [f"exit status {done.returncode}:\n{block.text}\n{done.stdout}\n{done.stderr}"]
    if block.output is not None and not doctest.OutputChecker().check_output(
        block.output, done.stdout, doctest.ELLIPSIS
    ):
        return [f"{block.title or block.text}: the page has\n{block.output}\nand it printed\n{done.stdout}"]
    return []


def configuration(command: str) -> list[str]:
    """What is wrong with the keys and values of a `python run.py ...`; of a sweep each one counts by itself."""
    from exp.config.question import parse_question
    from exp.errors import UserError
    from exp.tools.program import composed

    python, script, *words = shlex.split(command.removeprefix("srun -N 2 "))
    assert (python, script) == ("python", "run.py")
    if {"--config-dir", "mode=test"} & set(words) or any(word.startswith("resume=") for word in words):
        return []  # needs what the page makes before
    sweeps = "-m" in words
    words = [re.sub(r"^(exec\.profile)=(\d+,\d+)$", r"\1=[\2]", word) for word in words]  # as `exp.cli.main` reads it
    of_sweep = ("-m", "hydra", "question=") if sweeps else ("-m",)
    own = [word for word in words if not word.lstrip("+").startswith(of_sweep)]
    try:
        for question in (word.partition("=")[2] for word in words if word.startswith("question=")):
            parse_question(yaml.safe_load(question))
        composed([_first(word) if sweeps else word for word in own])
    except UserError as error:
        return [f"{command}: {error}"]
    return []


def _first(override: str) -> str:
    """The first of the values that a sweep gives a key."""
    key, _, values = override.partition("=")
    if values.startswith(("range(", "interval(")):
        values = values[values.index("(") + 1 : -1].split(",")[0]
    return f"{key}={values.split(',')[0]}"


def existence(command: str) -> list[str]:
    """What is wrong with a command that is not run."""
    words = shlex.split(command)
    if words[0] == "make":
        return [] if re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE) else [command]
    if words[0] == "python":
        script = f"{words[2].replace('.', '/')}.py" if words[1] == "-m" else words[1]
        return [] if (ROOT / script).is_file() else [command]
    return [] if shutil.which(words[0], path=path_with_environment()) else [command]


def path_with_environment() -> str:
    """PATH as after `source .venv/bin/activate`."""
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
