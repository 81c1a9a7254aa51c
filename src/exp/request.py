"""From a composed command line to the run it asks for: a new one, a test of another, or one to go on with."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from exp.config import Config, parse
from exp.config.parse import REQUEST_KEYS, check_batch_size
from exp.config.targets import locate
from exp.errors import UserError
from exp.outputs import new_folder
from exp.run import Request

TEST_GROUPS = ("exec", "device", "summary")
"""Groups that a test may be given anew, as a whole; of others only which checkpoint, where the data is, and batches."""
TEST_KEYS = (
    "checkpoint.restore",
    "data.batch_size",
    "data.dir",
    "data.source",
    "data.prefetch",
    "data.cache",
    "data.cache_dir",
)


def choose_folder(composed: DictConfig, hydra: DictConfig) -> Path:
    """Check what is asked for, and make (or, for `resume`, find) the folder of the run.

    Raises:
        UserError: the configuration or the folder is wrong. Nothing was written then.
    """
    config, _ = _effective(composed, hydra)
    _check_batch(config)
    resume = composed.get("resume")
    if resume is not None:
        return _run_folder("resume", resume)
    wanted = Path(str(hydra.run.dir))
    if ".." in wanted.parts:
        raise UserError(f"hydra.run.dir={wanted}: must not lead out of its place with '..'")
    if not any(str(override).startswith("hydra.run.dir=") for override in hydra.overrides.hydra):
        kind = "_test" if config.mode == "test" else ""
        return new_folder(wanted.with_name(f"{wanted.name}_{config.label()}{kind}"))
    if wanted.exists() and any(wanted.iterdir()):
        raise UserError(f"hydra.run.dir={wanted}: is not empty; take another folder, or resume={wanted}")
    wanted.mkdir(parents=True, exist_ok=True)
    return wanted


def make_request(composed: DictConfig, hydra: DictConfig, folder: Path) -> Request:
    """The run to do in a folder.

    Raises:
        UserError: the configuration is wrong.
    """
    config, tree = _effective(composed, hydra)
    files = {
        "config.yaml": OmegaConf.to_yaml(OmegaConf.create(dict(tree))),
        "overrides.yaml": OmegaConf.to_yaml(hydra.overrides.task),
        "hydra.yaml": OmegaConf.to_yaml(OmegaConf.create({"hydra": hydra})),
    }
    resumed = composed.get("resume") is not None
    return Request(
        config=config,
        tree=tree,
        folder=_relative(folder),
        command=["python", *sys.argv],
        config_files={} if resumed else files,
        tested=_run_folder("run", composed.run) if config.mode == "test" else None,
        resumed=resumed,
    )


def _effective(composed: DictConfig, hydra: DictConfig) -> tuple[Config, dict[str, Any]]:
    """The configuration that counts, checked: the composed one, or that of the run which is tested or resumed."""
    tree = plain(composed)
    given = [str(override) for override in hydra.overrides.task]
    mode, run, resume = tree.get("mode"), tree.pop("run", None), tree.pop("resume", None)
    if resume is not None:
        others = [override for override in given if override.split("=")[0] not in ("resume", "trusted_targets")]
        if others:
            raise UserError(f"resume={resume}: goes on with the run's own config; leave out {' '.join(others)}")
        stored = _stored_config("resume", resume)
        return parse(stored, trusted=tree["trusted_targets"]), stored
    if mode == "test":
        if run is None:
            raise UserError("mode=test: needs run=RUN_DIR, the folder of the run to test")
        stored = _for_test(_stored_config("run", run), tree, given)
        return parse(stored, trusted=tree["trusted_targets"]), stored
    if run is not None:
        raise UserError(f"run={run}: goes with mode=test; to go on with a run, use resume={run}")
    return parse(tree), tree


def _check_batch(config: Config) -> None:
    """Refuse a batch larger than the set, where our own data sets can tell their size without TensorFlow."""
    data = config.data
    function = locate("data", data.target.name, trusted=()) if data.target.name.startswith("exp.") else None
    count = getattr(sys.modules[function.__module__], "count", None) if function else None
    size = count(**data.target.arguments) if count else None
    if size is not None:
        check_batch_size(data.batch_size, size if data.limit is None else min(size, data.limit))


def plain(composed: DictConfig) -> dict[str, Any]:
    """A composed configuration as plain dicts, lists and scalars, interpolations resolved.

    Raises:
        UserError: an interpolation leads nowhere.
    """
    try:
        own = OmegaConf.masked_copy(composed, [str(key) for key in composed if key != "hydra"])
        tree = OmegaConf.to_container(own, resolve=True)
    except OmegaConfBaseException as error:
        raise UserError(f"{getattr(error, 'full_key', None) or 'config'}: {str(error).splitlines()[0]}") from error
    assert isinstance(tree, dict)
    return {str(key): value for key, value in tree.items()}


def _for_test(stored: dict[str, Any], composed: Mapping[str, Any], given: list[str]) -> dict[str, Any]:
    """The tested run's configuration, with what the command line says anew about how to execute the test."""
    for override in given:
        key = override.split("=")[0].lstrip("+~")
        group = key.split(".")[0]
        same_data = key == "data" and composed["data"].get("_target_") == stored["data"].get("_target_")
        if key in ("mode", "run", "trusted_targets") or same_data:
            continue
        if group in TEST_GROUPS:
            stored[group] = composed[group]
        elif key in TEST_KEYS:
            stored[group][key.split(".")[1]] = composed[group][key.split(".")[1]]
        else:
            allowed = ", ".join((*TEST_GROUPS, *TEST_KEYS))
            raise UserError(f"{override}: a test has the config of its run; only these can be given anew: {allowed}")
    return {**stored, "mode": "test"}


def _run_folder(key: str, value: Any) -> Path:
    folder = Path(str(value))
    if not (folder / ".hydra" / "config.yaml").is_file():
        raise UserError(f"{key}={value}: is not the folder of a run (it has no .hydra/config.yaml)")
    return folder


def _stored_config(key: str, value: Any) -> dict[str, Any]:
    path = _run_folder(key, value) / ".hydra" / "config.yaml"
    try:
        stored = OmegaConf.to_container(OmegaConf.load(path), resolve=True)
    except Exception as error:  # YAML and OmegaConf have many ways to say that a file is broken
        raise UserError(f"{path}: cannot be read ({str(error).splitlines()[0]})") from error
    if not isinstance(stored, dict):
        raise UserError(f"{path}: is not a configuration")
    return {str(k): v for k, v in stored.items() if k not in REQUEST_KEYS}


def _relative(folder: Path) -> Path:
    """The folder as a person would write it: from here where it is below, else in full."""
    try:
        return folder.relative_to(Path.cwd())
    except ValueError:
        return folder


def is_completed(folder: Path) -> bool:
    """Whether a run's `results.json` says that nothing is left to do."""
    try:
        status = json.loads((folder / "results.json").read_text()).get("status")
    except (OSError, ValueError, AttributeError):
        return False
    return bool(status == "completed")
