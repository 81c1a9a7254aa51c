"""The configuration that counts: the composed one, or that of the run which is tested or resumed."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from exp.cli.request_checks import check_unchanged
from exp.config import Config, parse, yaml_text
from exp.config.choices import LOGGER
from exp.config.length import LENGTH_KEYS, length_of, with_length
from exp.config.loggers import SERVER_VARIABLE, server_to_trust
from exp.config.metric_rules import NEEDS_VALIDATION, check_metric
from exp.config.question import parse_question
from exp.config.schema import REQUEST_KEYS
from exp.errors import UserError, excerpt
from exp.run_folder.stored import parse_stored, stored_config, stored_loggers
from exp.system.project import trusted_by_project
from exp.terminal import commands

TEST_GROUPS = ("exec", "device", "summary")
"""Groups that a test may be given anew as a whole. Of the other groups it may be given the keys in `TEST_KEYS`."""
TEST_KEYS = (
    "checkpoint.restore",
    "data.batch_size",
    "data.dir",
    "data.source",
    "data.prefetch",
    "data.cache",
    "data.cache_dir",
)


FIGURES = ("train/loss", "examples_per_second")
"""What a search or a question may be about, besides metrics."""


def effective_config(
    composed: Mapping[str, Any], *, overrides: Sequence[str], in_sweep: bool, in_search: bool
) -> tuple[Config, dict[str, Any]]:
    """Parse the configuration of the run that is asked for; returns it also as plain data.

    Args:
        composed: what Hydra composed, as plain data.
        overrides: the overrides of the command line.
        in_sweep: whether the run is a job of a sweep.
        in_search: whether a sweeper chooses further jobs by what comes out of it.

    Raises:
        UserError: the configuration is wrong, or its keys do not go together.
    """
    tree = {**composed, "trusted_targets": with_projects(composed.get("trusted_targets"))}
    run, resume, objective, question = (tree.pop(key, None) for key in REQUEST_KEYS)
    if question is not None and not in_sweep:
        raise UserError(
            "question: is what a sweep is to tell (-m); for a single run leave it out, or add question=null"
        )
    if resume is not None:
        if in_sweep:
            raise UserError(f"resume={resume}: goes with a single run; a sweep goes on when its command is given again")
        return _resumed(resume, tree, overrides, trusted=tree["trusted_targets"])
    if tree.get("mode") == "test":
        if run is None:
            raise UserError("mode=test: needs run=RUN_DIR, the folder of the run to test")
        tested = _for_test(stored_config("run", run), tree, overrides)
        return parse_stored(Path(str(run)), tested, trusted=tree["trusted_targets"]), tested
    if run is not None:
        raise UserError(f"run={run}: goes with mode=test; to go on with a run, use {commands.override('resume', run)}")
    config = parse(tree)
    if in_search and objective is None and config.data.validation is None:
        raise UserError(
            f"objective=null: a search chooses by the validation split, and there is none; {NEEDS_VALIDATION} "
            "(objective=test/loss would choose by the test set, and the results would say so)"
        )
    if question is not None:
        _check_question(question, config, in_search=in_search)
    if objective is not None:
        check_metric("objective", yaml_text(objective), config, others=FIGURES)
    return config, tree


def with_projects(trusted: Any) -> Any:
    """The prefixes that are trusted, those of the project added; what is no list is left for the schema to refuse."""
    if not isinstance(trusted, list):
        return trusted
    own = trusted_by_project()
    return [*own, *(prefix for prefix in trusted if prefix not in own)]


def _check_question(node: Any, config: Config, *, in_search: bool) -> None:
    """Refuse a question that the jobs of this sweep cannot answer, as far as a job on its own can tell."""
    question = parse_question(node)
    if in_search:
        raise UserError("question: is answered by all jobs alike, and a search chooses its jobs by their results")
    if question is not None and question.metric is not None:
        check_metric("question.metric", question.metric, config, others=FIGURES)


def _resumed(
    resume: Any, composed: Mapping[str, Any], overrides: Sequence[str], *, trusted: Sequence[str]
) -> tuple[Config, dict[str, Any]]:
    """Read the configuration of the run to resume, of which the command line may change the length alone."""
    given = {override: override.split("=")[0].lstrip("+~") for override in overrides}
    others = [override for override, key in given.items() if not _may_be_given_anew(key)]
    if others:
        raise UserError(
            f"resume={resume}: goes on with the run's own config; leave out {' '.join(others)} (only a length "
            f"can be given anew: {', '.join(LENGTH_KEYS)}, and the loggers)"
        )
    stored = stored_config("resume", resume)
    if stored.get("mode") == "test":
        raise UserError(
            f"resume={resume}: is the folder of a test, which is not resumed; mode=test run=RUN_DIR tests the run again"
        )
    length = {key: composed["train"][key] for key in length_of(stored) if f"train.{key}" in given.values()}
    anew = any(_is_logger(key) for key in given.values())
    tree = {**with_length(stored, length), LOGGER: composed[LOGGER] if anew else _own_loggers(resume, composed)}
    config = parse_stored(Path(str(resume)), tree, trusted=trusted)
    check_unchanged(Path(str(resume)), stored)
    if "epochs" in length and config.train.steps is not None:
        raise UserError(
            f"train.epochs={config.train.epochs}: has no effect, because the run has train.steps={config.train.steps}; "
            "give train.steps=N"
        )
    return config, tree


def _may_be_given_anew(key: str) -> bool:
    return key in ("resume", "trusted_targets", *LENGTH_KEYS) or _is_logger(key)


def _is_logger(key: str) -> bool:
    return key == LOGGER or key.startswith(f"{LOGGER}.")


def _own_loggers(resume: Any, composed: Mapping[str, Any]) -> Any:
    """The loggers of the run to resume. Its folder may be a stranger's, and must not say where to send anything.

    Raises:
        UserError: it names a server that nobody else names.
    """
    node = stored_loggers(Path(str(resume)))
    address = server_to_trust(node, composed.get(LOGGER))
    if address is not None:
        command = commands.run_command(commands.override("resume", resume))
        raise UserError(
            f"{LOGGER}.mlflow.tracking_uri={excerpt(address)}: is what the folder says, and a folder may be a "
            f"stranger's; if that is your server, say so: {SERVER_VARIABLE}={shlex.quote(address)} {command}"
        )
    return node


def _for_test(stored: dict[str, Any], composed: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Change the tested run's configuration as far as a test may be given other values.

    A run that was warm-started is tested by its own checkpoints: `checkpoint.restore` names where it began. The test
    logs where one asks now.
    """
    stored[LOGGER] = composed.get(LOGGER)
    stored["checkpoint"] = {**stored["checkpoint"], "restore": None, "scope": "all", "exclude": []}
    for override in overrides:
        key = override.split("=")[0].lstrip("+~")
        group = key.split(".")[0]
        same_data = key == "data" and composed["data"].get("_target_") == stored["data"].get("_target_")
        if key in ("mode", "run", "trusted_targets") or same_data or _is_logger(key):
            continue
        if group in TEST_GROUPS:
            stored[group] = composed[group]
        elif key in TEST_KEYS:
            stored[group][key.split(".")[1]] = composed[group][key.split(".")[1]]
        else:
            allowed = ", ".join((*TEST_GROUPS, *TEST_KEYS))
            raise UserError(f"{override}: a test has the config of its run; only these can be given anew: {allowed}")
    return {**stored, "mode": "test"}
