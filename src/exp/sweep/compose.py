"""Composes the configurations of a sweep's jobs; files are read once for each choice of groups, not once a job."""

import copy
from collections.abc import Sequence
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from exp.config.flat import flat
from exp.errors import UserError

_EACH_JOBS_OWN = (
    "callbacks",
    "hydra_logging",
    "job",
    "job_logging",
    "output_subdir",
    "overrides",
    "runtime",
    "verbose",
)
"""The parts of Hydra's own configuration that may differ from job to job. Everything else holds for the whole sweep."""


class Composer:
    """Makes the same configurations as Hydra's `load_sweep_config`, with fewer reads of files."""

    def __init__(self, master: DictConfig, config_loader: Any) -> None:
        """Read nothing yet.

        Args:
            master: the configuration that Hydra composed for the sweep as a whole.
            config_loader: Hydra's loader of configuration files.
        """
        self._master, self._loader = master, config_loader
        self._parser = OverridesParser.create()
        self._by_groups: dict[tuple[str, ...], DictConfig] = {}
        self._for_all: DictConfig | None = None

    def compose(self, overrides: Sequence[str]) -> DictConfig:
        """Compose the configuration of one job.

        Raises:
            HydraException, OmegaConfBaseException: the overrides cannot be composed.
            UserError: a file that the job chooses sets something that holds for all jobs of a sweep.
        """
        parsed = self._parser.parse_overrides(list(overrides))
        if any(override.is_sweep_override() for override in parsed):
            self._loader.load_sweep_config(self._master, list(overrides))  # which says what is wrong with that
        values = [override for override in parsed if self._is_value(override)]
        groups = tuple(str(override.input_line) for override in parsed if override not in values)
        if groups not in self._by_groups:
            read = self._loader.load_sweep_config(self._master, list(groups))
            self._check_hydra(read)
            self._by_groups[groups] = read
        composed = copy.deepcopy(self._by_groups[groups])
        OmegaConf.copy_cache(from_config=self._master, to_config=composed)
        ConfigLoaderImpl._apply_overrides_to_config(values, composed)
        composed.hydra.overrides.task = [str(override.input_line) for override in parsed]
        naming = composed.hydra.job.config.override_dirname
        composed.hydra.job.override_dirname = get_overrides_dirname(
            parsed, exclude_keys=naming.exclude_keys, item_sep=naming.item_sep, kv_sep=naming.kv_sep
        )
        return composed

    def _is_value(self, override: Override) -> bool:
        """Whether an override sets a value instead of choosing a file, decided as Hydra does."""
        return isinstance(override.value(), dict) or not self._loader.repository.group_exists(override.key_or_group)

    def _check_hydra(self, composed: DictConfig) -> None:
        """Refuse a setting of Hydra's in a group's file (an experiment, say) that would have no effect on its own job.

        Raises:
            UserError: there is such a setting.
        """
        why = "holds for all jobs of a sweep, and so cannot come from what is swept; give it on the command line"
        if self._for_all is None:  # not the master: what was chosen for the sweep, such as its folder, stands there
            given = self._parser.parse_overrides(list(self._master.hydra.overrides.task))
            fixed = [str(override.input_line) for override in given if not override.is_sweep_override()]
            self._for_all = self._loader.load_sweep_config(self._master, fixed)
        chosen, choices = self._for_all.hydra.runtime.choices, composed.hydra.runtime.choices
        for group in choices:
            if str(group).startswith("hydra/") and choices[group] != chosen.get(group):
                raise UserError(f"{group}={choices[group]}: {why}")
        own, others = _flat_hydra(composed), _flat_hydra(self._for_all)
        for key in sorted(own.keys() | others.keys()):
            if own.get(key) != others.get(key):
                raise UserError(f"hydra.{key}={own.get(key)}: {why}")


def _flat_hydra(composed: DictConfig) -> dict[str, Any]:
    tree = OmegaConf.to_container(composed.hydra, resolve=False)
    assert isinstance(tree, dict)
    return flat({str(key): value for key, value in tree.items() if key not in _EACH_JOBS_OWN})
