"""The launchers and the sweeper that Hydra finds under `hydra_plugins`. Imported at every start, and so kept light."""

from collections.abc import Sequence
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Override, RangeSweep
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from exp.errors import UserError

MOST_JOBS = 100_000
"""The most jobs of a sweep. More are a slip of the hand, and would fill the memory before they could be refused."""


def _refuse_too_many(overrides: Sequence[Override]) -> None:
    """Count the jobs before they are made.

    Raises:
        UserError: they are too many.
    """
    jobs = 1
    for override in overrides:
        value = override.value()
        if isinstance(value, RangeSweep) and value.start is not None and value.stop is not None and value.step:
            jobs *= max(1, int(abs(value.stop - value.start) / abs(value.step)))
        elif isinstance(value, ChoiceSweep):
            jobs *= max(1, len(value.list))
    if jobs > MOST_JOBS:
        raise UserError(f"the sweep would have {jobs:,} jobs, and {MOST_JOBS:,} are the most")


class ProcessLauncher(Launcher):
    """`hydra/launcher=processes`: each job in a process of its own; see `exp.sweep.launcher`."""

    def __init__(self, n_jobs: int | None = None, timeout: float | None = None) -> None:
        self._n_jobs, self._timeout = n_jobs, timeout

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Hydra's protocol. The task function is not used: a job calls `exp.cli.do_job`, which it calls, too."""
        from exp.sweep.launcher import Sweep
        from exp.sweep.local.backend import LocalBackend

        backend = LocalBackend(config, n_jobs=self._n_jobs, timeout=self._timeout)
        self._sweep = Sweep(config, hydra_context.config_loader, backend=backend)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run jobs; those of earlier calls, where a sweeper comes again and again, are numbered before them."""
        return self._sweep.launch(job_overrides, first=initial_job_idx)


class SlurmLauncher(Launcher):
    """`hydra/launcher=slurm`: each job is one of Slurm's; see `exp.sweep.slurm`."""

    def __init__(self, **options: Any) -> None:
        self._options = options

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Hydra's protocol. The task function is not used: a job calls `exp.cli.do_job`, which it calls, too."""
        from exp.sweep.launcher import Sweep
        from exp.sweep.slurm import SlurmBackend

        self._sweep = Sweep(config, hydra_context.config_loader, backend=SlurmBackend(config, **self._options))

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Hand jobs to Slurm and wait for them, as `ProcessLauncher` does with its own."""
        return self._sweep.launch(job_overrides, first=initial_job_idx)


class GridSweeper(BasicSweeper):
    """`hydra/sweeper=grid`: every combination, all in one call of the launcher.

    Hydra's own one makes the folder, composes every job before the launcher does it again, and ends at the first that
    cannot be composed; here the launcher names them all, and makes nothing then.
    """

    def __init__(self, params: Any = None) -> None:
        super().__init__(max_batch_size=None, params=params)

    def sweep(self, arguments: list[str]) -> Any:
        """Hand all combinations to the launcher, which writes `sweep.json`; another one gets what Hydra gives it."""
        assert self.config is not None
        assert self.hydra_context is not None
        assert self.launcher is not None
        loader = self.hydra_context.config_loader
        overrides = OverridesParser.create(config_loader=loader).parse_overrides([*self._parse_config(), *arguments])
        _refuse_too_many(overrides)
        (jobs,) = self.split_arguments(overrides, None)
        if isinstance(self.launcher, ProcessLauncher | SlurmLauncher):
            return [self.launcher.launch(jobs, initial_job_idx=0)]
        from exp.sweep.compose import Composer

        composer = Composer(self.config, loader)
        for of_job in jobs:  # with what is wrong said here, Hydra makes no folder
            composer.compose(of_job)
        return super().sweep(arguments)
