"""The help page: `exp --help`. Hydra makes it, too, but copies its whole configuration for each folder of choices."""

import string
from collections.abc import Sequence
from pathlib import Path

from exp.cli.conf import VERSION_BASE, conf_folders
from exp.errors import UserError
from exp.terminal.commands import in_hydras_grammar

_NO_GROUPS = ("hydra",)


def help_page(overrides: Sequence[str], *, config_name: str, conf: Path, more: Path | None) -> str:
    """The text of `hydra.help.template`, with the groups and the keys that the overrides make.

    Args:
        overrides: of the command line.
        config_name: the root of the configuration.
        conf: the folder that it lies in.
        more: the folder of `--config-dir`, if there is one.

    Raises:
        UserError: there is no such folder.
        HydraException, OmegaConfBaseException: this cannot be composed.
    """
    from hydra import compose, initialize_config_dir
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf

    if more is not None and not more.is_dir():
        raise UserError(f"--config-dir={more}: there is no such folder")
    searched = [f"hydra.searchpath=[{in_hydras_grammar(f'file://{more.absolute()}')}]"] if more else []
    with initialize_config_dir(str(conf.absolute()), version_base=VERSION_BASE):
        single = [override for override in overrides if not _is_swept(override)]  # with -m there may be others
        composed = compose(config_name, [*single, *searched], return_hydra_config=True)
    HydraConfig.instance().set_config(composed)
    keys = OmegaConf.masked_copy(composed, [str(key) for key in composed if key != "hydra"])
    folders = [*conf_folders(conf), *([more] if more else [])]
    return string.Template(composed.hydra.help.template).safe_substitute(
        APP_CONFIG_GROUPS=_groups(folders), CONFIG=OmegaConf.to_yaml(keys)
    )


def _is_swept(override: str) -> bool:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    return bool(OverridesParser.create().parse_override(override).is_sweep_override())


def _groups(folders: Sequence[Path]) -> str:
    """A line for each group, with its choices."""
    found: dict[str, set[str]] = {}
    for folder in folders:
        for path in folder.glob("*/**/*.yaml"):
            group = path.parent.relative_to(folder)
            if group.parts[0] not in _NO_GROUPS:
                found.setdefault(group.as_posix(), set()).add(path.stem)
    return "".join(f"{group}: {', '.join(sorted(choices))}\n" for group, choices in sorted(found.items()))
