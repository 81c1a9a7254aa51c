"""What `conf/` has to choose from, and what Hydra composes of it."""

from typing import Any

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from tests.support.root import ROOT

CONF = ROOT / "conf"


def choices(group: str) -> list[str]:
    """The choices of a configuration group, in order."""
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def composed(*overrides: str) -> Any:
    """The configuration for some overrides, as plain data."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return OmegaConf.to_container(compose("config", overrides=list(overrides)), resolve=True)
