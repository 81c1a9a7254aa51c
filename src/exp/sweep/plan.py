"""The plan of a sweep: all jobs are composed and checked before the first of them starts."""

import copy
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import DictConfig, open_dict, read_write

from exp.cli.choices_made import choices_made
from exp.cli.main import raised_by_hydra
from exp.cli.make_request import check
from exp.cli.messages import explain
from exp.cli.request_checks import TrainingSizes
from exp.config.choices import label
from exp.config.config_hash import config_hash
from exp.config.migrations import earlier_hashes
from exp.errors import UserError
from exp.sweep.compose import Composer
from exp.terminal.progress import track
from exp.terminal.words import counted

LONGEST_NAME = 80
_GROUP = re.compile(r"^[+]*[a-z_/]+$")


@dataclass(frozen=True)
class Job:
    """A run of a sweep, ready to start."""

    name: str
    """Name of the job and of its folder, made of what was swept: `cnn_batch_size-32`."""
    overrides: tuple[str, ...]
    """The overrides that not all jobs share: `model=cnn`, `data.batch_size=32`."""
    composed: DictConfig
    """The whole composed configuration, with Hydra's part."""
    config_hash: str
    folder: Path
    earlier_hashes: frozenset[str] = frozenset()
    """The hashes that earlier versions gave the same run."""

    @property
    def asked_for(self) -> tuple[str, ...]:
        """Equal for two jobs that ask for the same run, however their values are written (`1e-5`, `0.00001`)."""
        return self.config_hash, str(self.composed.get("run"))


class Plan:
    """Makes the jobs of a sweep from lists of overrides."""

    def __init__(self, master: DictConfig, config_loader: Any, *, threads: int, n_jobs: int) -> None:
        """Note what all jobs of the sweep share.

        Args:
            master: the configuration that Hydra composed for the sweep as a whole.
            config_loader: Hydra's loader of configuration files.
            threads: number of threads of a job that does not set `device.threads`.
            n_jobs: number of jobs that will run side by side.
        """
        self._master, self._threads, self._n_jobs = master, threads, n_jobs
        self._composer = Composer(master, config_loader)
        self._sizes = TrainingSizes()
        self._parser = OverridesParser.create()
        given = self._parser.parse_overrides(list(master.hydra.overrides.task))
        self.fixed = sorted(str(override.input_line) for override in given if not override.is_sweep_override())
        """The overrides that all jobs share, sorted."""
        self._fixed_keys = {override.get_key_element() for override in given if not override.is_sweep_override()}
        sources = master.hydra.runtime.config_sources
        self._conf = next(Path(source.path) for source in sources if source.provider == "main")

    def jobs(self, overrides: Sequence[Sequence[str]], *, first: int) -> list[Job]:
        """Make the job for each list of overrides, numbered from `first`; lists that ask for the same run share a job.

        Raises:
            UserError: jobs are wrong, with a line for each of them; then no job may start.
        """
        distinct = list(dict.fromkeys(map(tuple, overrides)))
        jobs: dict[tuple[str, ...], Job] = {}
        same: dict[tuple[str, ...], Job] = {}
        wrong: dict[str, list[str]] = {}
        for number, of_job in enumerate(
            track(distinct, total=len(distinct), what="checking jobs", logged=False), first
        ):
            try:
                job = self.job(of_job, number)
                jobs[of_job] = same.setdefault(job.asked_for, job)
            except UserError as error:
                for line in str(error).splitlines():
                    wrong.setdefault(line, []).append(" ".join(of_job))
        if not wrong:
            return [jobs[tuple(of_job)] for of_job in overrides]
        lines = []
        for line, of_jobs in wrong.items():
            everywhere = len(of_jobs) == len(distinct)
            lines += [line] if everywhere else [f"{of_job}: {line}" for of_job in of_jobs]
        count = f"{len(distinct) - len(jobs)} of {counted(len(distinct), 'job')} cannot be, and none was started"
        raise UserError("\n".join(lines if len(distinct) == 1 else [*lines, count]))

    def job(self, overrides: Sequence[str], number: int) -> Job:
        """Compose and check one job.

        Raises:
            UserError: the job's configuration is wrong.
        """
        try:
            composed = self._composer.compose(overrides)
        except Exception as error:
            if not raised_by_hydra(error):
                raise
            raise UserError(explain(error, overrides, self._conf)) from error
        swept = self.swept(overrides)
        with read_write(composed), open_dict(composed):
            composed.hydra.mode = RunMode.MULTIRUN
            choices = copy.copy(composed.hydra.runtime.choices)  # merging changes the node itself
            composed.hydra.runtime.merge_with(self._master.hydra.runtime)
            composed.hydra.runtime.choices = choices  # the job's own
            composed.hydra.sweep.dir = str(self._master.hydra.sweep.dir)
            composed.hydra.launcher.n_jobs = self._n_jobs
            # Results depend on the number of threads in their last bits, so that it belongs into the configuration.
            if composed.mode == "train" and composed.device.get("threads", 0) is None:
                threads = max(1, self._threads // (composed.device.get("local") or 1))
                composed.device.threads = threads
                composed.hydra.overrides.task.append(f"device.threads={threads}")
        HydraConfig.instance().set_config(composed)
        _, tree = check(composed, composed.hydra, self._sizes)
        name = folder_name(swept) or label(tree, choices_made(composed, composed.hydra))
        with read_write(composed.hydra), open_dict(composed.hydra):  # `set_config` has closed it
            composed.hydra.job.id, composed.hydra.job.num, composed.hydra.sweep.subdir = name, number, name
        folder = Path(str(composed.hydra.sweep.dir)) / name
        if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
            raise UserError(f"{folder}: is in the way of the job's folder")
        return Job(name, swept, composed, config_hash(tree), folder, earlier_hashes(tree))

    def swept(self, overrides: Sequence[str]) -> tuple[str, ...]:
        """Those of a job's overrides that not all jobs share."""
        keys = [str(self._parser.parse_override(override).get_key_element()) for override in overrides]
        return tuple(override for override, key in zip(overrides, keys, strict=True) if key not in self._fixed_keys)


def folder_name(overrides: Sequence[str]) -> str:
    """Make a short readable name of what was swept, with letters, digits, '.', '_', '-' and '+' only.

    A group gives its choice (`cnn`); a key gives its last part and the value (`batch_size-32`). Any other character
    becomes '-', and a name that is too long is cut off; in both cases a part of a SHA-256 keeps the names apart.
    """
    if not overrides:
        return ""
    parts = [override.lstrip("+").partition("=") for override in overrides]
    plain = [
        value if _GROUP.match(key) and key != "seed" else f"{key.rpartition('.')[2]}-{value}" for key, _, value in parts
    ]
    text = "_".join(plain)
    name = re.sub(r"[^A-Za-z0-9._+-]+", "-", text).strip("-.")
    keys = [key.rpartition(".")[2] for key, _, _ in parts]
    if name == text and len(name) <= LONGEST_NAME and len(set(keys)) == len(keys):
        return name
    digest = hashlib.sha256("\n".join(overrides).encode()).hexdigest()[:8]
    return f"{name[: LONGEST_NAME - 9].strip('-.')}-{digest}"
