"""Lays the configuration of the user's project, if there is one, over that of `exp`."""

from dataclasses import replace
from typing import Any

from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.object_type import ObjectType
from hydra.plugins.config_source import ConfigResult
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import OmegaConf

from exp.system.project import project

SCHEME = "exp-project"
ROOT, OWN_ROOT = "project", "config"
"""The configuration of `exp` takes in one that is called `project`: the project's own `conf/config.yaml`."""


class ProjectSearchPath(SearchPathPlugin):
    """The project's groups come first, so that a choice of the same name is the project's."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Hydra's protocol."""
        found = project()
        search_path.prepend("project", f"{SCHEME}://{found.conf if found else ''}")


class ProjectSource(FileConfigSource):
    """A project's folder `conf`, or none."""

    @staticmethod
    def scheme() -> str:
        """Hydra's protocol."""
        return SCHEME

    def load_config(self, config_path: str) -> ConfigResult:
        """Hydra's protocol."""
        name = config_path.removesuffix(".yaml")
        if name != ROOT:
            return super().load_config(config_path)
        found = project()
        trusted = {"trusted_targets": list(found.trusted)} if found else {}
        if not self._has_root():
            header: dict[str, str | None] = {"package": "_global_"}
            return ConfigResult(self.provider, f"{SCHEME}://{self.path}", OmegaConf.create(trusted), header)
        result = super().load_config(OWN_ROOT)
        result.config = OmegaConf.merge(trusted, result.config)
        return replace(result, header={**result.header, "package": "_global_"})

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
