"""Lays the configuration of the user's project, if there is one, over that of `exp`."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.object_type import ObjectType
from hydra.plugins.config_source import ConfigResult
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from exp.cli.conf import conf_folder
from exp.errors import UserError
from exp.system.project import ROOT as OWN_ROOT
from exp.system.project import project

PROVIDER, SCHEME = "project", "exp-project"
ROOT = "project"
"""The configuration of `exp` takes in one that is called `project`: the project's own `conf/config.yaml`."""


class ProjectSearchPath(SearchPathPlugin):
    """The project's groups come first, so that a choice of the same name is the project's."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Hydra's protocol. Hydra asks every plugin in every program; only ours is meant."""
        main = (entry.path for entry in search_path.get_path() if entry.provider == "main")
        if any(path and Path(path.removeprefix("file://")) == conf_folder() for path in main):
            found = project()
            search_path.prepend(PROVIDER, f"{SCHEME}://{found.conf if found else ''}")


class ProjectSource(FileConfigSource):
    """A project's folder `conf`, or none."""

    @staticmethod
    def scheme() -> str:
        """Hydra's protocol."""
        return SCHEME

    def load_config(self, config_path: str) -> ConfigResult:
        """Hydra's protocol.

        Raises:
            UserError: a file of the project cannot be read.
        """
        if config_path.removesuffix(".yaml") != ROOT:
            return self._load(config_path)
        header: dict[str, str | None] = {"package": "_global_"}
        if not self._has_root():
            return ConfigResult(self.provider, f"{SCHEME}://{self.path}", OmegaConf.create({}), header)
        result = self._load(OWN_ROOT)
        if result.header.get("package") not in (None, "_global_"):
            raise UserError(f"{self.path}/{OWN_ROOT}.yaml: changes defaults of all groups, and has no @package")
        return replace(result, header={**result.header, **header})

    def is_config(self, config_path: str) -> bool:
        """Hydra's protocol."""
        name = config_path.removesuffix(".yaml")
        return name == ROOT or (name != OWN_ROOT and bool(self.path) and super().is_config(config_path))

    def is_group(self, config_path: str) -> bool:
        """Hydra's protocol."""
        return bool(self.path) and super().is_group(config_path)

    def available(self) -> bool:
        """Hydra's protocol: without a project there is an empty one."""
        return True

    def list(self, config_path: str, results_filter: ObjectType | None) -> Any:
        """Hydra's protocol."""
        return super().list(config_path, results_filter) if self.is_group(config_path) else []

    def _has_root(self) -> bool:
        return bool(self.path) and super().is_config(OWN_ROOT)

    def _load(self, config_path: str) -> ConfigResult:
        path = f"{self.path}/{config_path.removesuffix('.yaml')}.yaml"
        try:
            result = super().load_config(config_path)
        except (yaml.YAMLError, UnicodeDecodeError, OmegaConfBaseException, OSError) as error:
            mark = getattr(error, "problem_mark", None)
            where = f"line {mark.line + 1}, " if mark else ""
            what = getattr(error, "problem", None) or str(error).partition("\n")[0]
            raise UserError(f"{path}: {where}cannot be read ({what})") from error
        if not isinstance(result.config, DictConfig):
            raise UserError(f"{path}: must be keys with values")
        return result
