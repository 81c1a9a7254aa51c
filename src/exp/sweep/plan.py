"""The jobs of a sweep, all composed and checked before the first of them starts."""

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

from exp.cli.main import raised_by_hydra
from exp.cli.messages import explain
from exp.cli.request import check
from exp.cli.request_checks import TrainingSizes
from exp.config.config_hash import config_hash
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
    """Of its folder: what was swept, such as `cnn_batch_size-32`."""
    overrides: tuple[str, ...]
    """What was swept, such as `model=cnn`, `data.batch_size=32`."""
    composed: DictConfig
    """The whole configuration, Hydra's part included."""
    config_hash: str
    folder: Path

    @property
    def asked_for(self) -> tuple[str, ...]:
        """What makes a job the same as another, however its values are written (`1e-5`, `0.00001`)."""
        return self.config_hash, str(self.composed.get("run"))


class Plan:
    """Makes jobs from overrides."""

    def __init__(self, master: DictConfig, config_loader: Any, *, threads: int, n_jobs: int) -> None:
        """Jobs of a sweep.

        Args:
            master: Hydra's configuration of the sweep.
            config_loader: Hydra's.
            threads: what each job gets, where `device.threads` is not set.
            n_jobs: how many will run side by side.
        """
        self._master, self._threads, self._n_jobs = master, threads, n_jobs
        self._composer = Composer(master, config_loader)
        self._sizes = TrainingSizes()
        self._parser = OverridesParser.create()
        given = self._parser.parse_overrides(list(master.hydra.overrides.task))
        self.fixed = sorted(str(override.input_line) for override in given if not override.is_sweep_override())
        """Overrides that all jobs share."""
        self._fixed_keys = {override.get_key_element() for override in given if not override.is_sweep_override()}
        sources = master.hydra.runtime.config_sources
        self._conf = next(Path(source.path) for source in sources if source.provider == "main")

    def jobs(self, overrides: Sequence[Sequence[str]], *, first: int) -> list[Job]:
        """The job for each list of overrides, numbered from `first`. Lists that ask for the same have the same job.

        Raises:
            UserError: with a line for each job that cannot be; none of them shall start then.
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
        """One job.

        Raises:
            UserError: its configuration is wrong.
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
            composed.hydra.runtime.merge_with(self._master.hydra.runtime)
            composed.hydra.sweep.dir = str(self._master.hydra.sweep.dir)
            composed.hydra.launcher.n_jobs = self._n_jobs
            # Results depend on the number of threads in their last bits, so that it belongs into the configuration.
            if composed.mode == "train" and composed.device.get("threads", 0) is None:
                threads = max(1, self._threads // (composed.device.get("local") or 1))
                composed.device.threads = threads
                composed.hydra.overrides.task.append(f"device.threads={threads}")
        HydraConfig.instance().set_config(composed)
        config, tree = check(composed, composed.hydra, self._sizes)
        name = folder_name(swept) or config.label()
        with read_write(composed.hydra), open_dict(composed.hydra):  # `set_config` has closed it
            composed.hydra.job.id, composed.hydra.job.num, composed.hydra.sweep.subdir = name, number, name
        folder = Path(str(composed.hydra.sweep.dir)) / name
        if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
            raise UserError(f"{folder}: is in the way of the job's folder")
        return Job(name, swept, composed, config_hash(tree), folder)

    def swept(self, overrides: Sequence[str]) -> tuple[str, ...]:
        """Of a job's overrides, those that not all jobs share."""
        keys = [str(self._parser.parse_override(override).get_key_element()) for override in overrides]
        return tuple(override for override, key in zip(overrides, keys, strict=True) if key not in self._fixed_keys)


def folder_name(overrides: Sequence[str]) -> str:
    """A short readable name for what was swept, of letters, digits, '.', '_', '-' and '+' only.

    Of a group its choice (`cnn`), of a key its last part and the value (`batch_size-32`). Whatever else stands in a
    value becomes '-', and what is too long is cut off; then a part of a SHA-256 keeps the names apart.
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
