"""The program behind `scripts/reproduce.py`: runs a run again, and says whether the results are the same."""

import argparse
import json
import logging
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from exp.compare.diff import differences
from exp.compare.runs import Run, read_run
from exp.config.choices import label
from exp.errors import UserError
from exp.loggers.console import Display
from exp.run.request import Request
from exp.run.run import run
from exp.run_folder import names
from exp.run_folder.new import new_folder
from exp.run_folder.stored import parse_stored, stored_choices, stored_config
from exp.system.streams import PlainFormatter
from exp.terminal.commands import as_called, command_line, override, run_command
from exp.terminal.tables import one_line
from exp.tools.program import run_script, say

DESCRIPTION = """Run a run again, with its configuration and as many threads, and compare losses and weights.

  python scripts/reproduce.py outputs/DATE/RUN

Exit status: 0 the same to the last bit; 1 something differs, and then all that was noted about both runs and is not
the same is named: commit, packages, devices, data; 2 a wrong folder.
"""


def main() -> int:
    """Run this process's command line; returns the exit status."""
    same: list[bool] = []
    status = run_script(_parser(), lambda arguments: same.append(_reproduce(arguments)))
    return status or int(not all(same))


def _reproduce(arguments: argparse.Namespace) -> bool:
    started = time.perf_counter()
    original = read_run(arguments.run)
    original.losses()  # what cannot be compared with afterwards is refused now
    tree = _tree(original, arguments.run, arguments.trust)
    config = parse_stored(arguments.run, tree, trusted=arguments.trust)
    choices = stored_choices(arguments.run)
    now = datetime.now()
    folder = new_folder(
        Path("outputs") / f"{now:%Y-%m-%d}" / f"{now:%H-%M-%S}_{label(tree, choices)}_reproduced", key=None
    )
    to_file = logging.FileHandler(folder / names.LOG)
    to_file.setFormatter(PlainFormatter("[%(asctime)s][%(name)s][%(levelname)s] %(message)s"))
    logging.basicConfig(handlers=[to_file], level=logging.INFO, force=True)
    request = Request(
        config=config,
        tree=tree,
        folder=folder,
        command=command_line(),
        choices=choices,
        made=folder,
        config_files={names.CONFIG_YAML: OmegaConf.to_yaml(OmegaConf.create(tree)), names.OVERRIDES_YAML: "[]\n"},
    )
    if run(request, Display(), started=started):
        say(f"{folder}: did not complete, so that there is nothing to compare")
        return False
    return _compare(original, read_run(folder))


def _tree(original: Run, folder: Path, trusted: Sequence[str]) -> dict[str, Any]:
    """The configuration of the run that would give the same: as many threads, and no more steps than were done.

    Raises:
        UserError: there is nothing to reproduce.
    """
    tree = stored_config("RUN_DIR", folder)
    if tree.get("mode") != "train":
        raise UserError(f"{folder}: is a test; give the run that it tested, {original.manifest.get('tested_run')}")
    threads, step = original.manifest.get("devices.threads"), original.results.get("step")
    if threads is None or not step:
        go_on = run_command(override("resume", folder), trusted=trusted)
        raise UserError(f"{folder}: has no results to compare with; go on with it first: {go_on}")
    tree["device"]["threads"] = threads
    if original.results.get("status") != "completed" or original.results.get("stopped") == "max_seconds":
        tree["train"] |= {"steps": step, "max_seconds": None}
    return tree


def _compare(original: Run, again: Run) -> bool:
    """Say what is the same and what is not."""
    losses, weights = _losses(original, again), original.results.get("weights_sha256")
    same_weights = weights == again.results.get("weights_sha256")
    print(f"losses:  {losses or 'the same at every logged step'}")
    # A run that failed has none, and then the losses have to do.
    print(f"weights: {'the same to the last bit' if same_weights else 'not noted' if not weights else 'differ'}")
    if losses is None and (same_weights or not weights):
        say(f"{original.folder} is reproduced by {again.folder}")
        return True
    found = differences(original, again)
    known = [*found["config"], *(d for d in found["manifest"] if not d.key.startswith("sweep."))]
    say(f"{original.folder} | {again.folder}")
    for difference in known:
        say(f"  {one_line(str(difference))}")
    if not known:
        print("  nothing that was noted differs: it must be the hardware, or code that was changed and not committed")
    if any(original.manifest.get(f"{repository}.dirty") for repository in _repositories(original)):
        patches = [str(path) for path in sorted(original.folder.glob(names.PATCHES))]
        how = f"as {' and '.join(patches)} has it, for git apply" if patches else "how, nobody knows"
        say(f"  the code had been changed since its commit; {how}")
    return False


def _repositories(run: Run) -> set[str]:
    """The beginnings of the manifest's keys about repositories."""
    return {"git", *(key.rpartition(".")[0] for key in run.manifest if key.startswith("code."))}


def _losses(original: Run, again: Run) -> str | None:
    """The first step at which the losses differ; None if they are equal."""
    here, there = dict(original.losses()), dict(again.losses())
    both = sorted(here.keys() & there.keys())
    parted = [step for step in both if here[step] != there[step]]
    if not both:
        return "there are no steps that both have logged"
    if not parted:
        return None
    first = parted[0]
    worst = max(abs(here[step] - there[step]) / max(abs(here[step]), 1e-12) for step in parted)
    return (
        f"the same until step {first}: {json.dumps(here[first])} | {json.dumps(there[first])}; "
        f"{len(parted)} of {len(both)} logged steps differ, by {worst:.1e} of the loss at most"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=as_called(DESCRIPTION), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, metavar="RUN_DIR", help="the folder of the run")
    parser.add_argument(
        "--trust", action="append", default=[], metavar="PREFIX", help="of your own code that its _target_ may name"
    )
    return parser
