"""The backend of the launcher `slurm`: its options, and the batch scripts of the jobs, which submitit writes."""

import os
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from exp.errors import UserError, excerpt
from exp.sweep.backend import RunningJob
from exp.sweep.plan import Job
from exp.sweep.slurm import client as commands
from exp.sweep.slurm.exit_reasons import stretches
from exp.sweep.slurm.queue import SlurmQueue
from exp.sweep.snapshot import Snapshot
from exp.system.files import write_atomically
from exp.system.signals import StopRequest
from exp.terminal.words import counted

FOLDER = ".slurm"
"""Folder in the sweep's folder for batch scripts, their orders, and what Slurm prints about the jobs."""
_TAKEN = """
array chdir error export hold job-name no-requeue nodes ntasks ntasks-per-node open-mode output parsable requeue signal
test-only wait wrap
"""
TAKEN = frozenset(_TAKEN.split())
"""Options of sbatch that the launcher sets itself, and that a user must not change."""


class SlurmBackend:
    """Runs each job of the sweep as a job step in Slurm."""

    status = "submitted"

    def __init__(self, master: DictConfig, **options: Any) -> None:
        """Start nothing yet.

        Args:
            master: the configuration that Hydra composed for the sweep as a whole.
            options: the keys of `conf/hydra/launcher/slurm.yaml`.

        Raises:
            UserError: an option is wrong.
        """
        self._folder = Path(str(master.hydra.sweep.dir)).resolve() / FOLDER
        self._n_jobs = _whole(options, "n_jobs", least=1, null=True)
        self._cpus = _whole(options, "cpus", least=1) or 1
        self._gpus = _whole(options, "gpus", least=0)
        self._time = _whole(options, "time", least=1, null=True)
        self._signal_seconds = _whole(options, "signal_seconds", least=1) or 1
        self._memory = options["memory_gb"]
        number = isinstance(self._memory, int | float) and not isinstance(self._memory, bool)
        if self._memory is not None and not (number and self._memory > 0):
            raise UserError(f"hydra.launcher.memory_gb={self._memory}: must be a number above 0, or null")
        self._words = {key: options[key] for key in ("partition", "account")}
        self._sbatch = _own_options(options["sbatch"])
        for key, value in [*self._words.items(), *self._sbatch.items()]:
            if re.search(r"[\n\r]", str(value)):
                raise UserError(f"hydra.launcher.{key}: must be on one line")

    def shares(self, jobs: int) -> tuple[int, int]:
        """All jobs at once unless `n_jobs` is given, because Slurm knows how many fit; each has CPUs of its own."""
        return self._n_jobs or jobs, self._cpus

    def check(self) -> None:
        """Ask Slurm whether it would take such a job.

        Raises:
            UserError: submitit or Slurm is missing, or Slurm refuses.
        """
        try:
            import submitit  # noqa: F401
        except ModuleNotFoundError:
            raise UserError("hydra/launcher=slurm: submitit is not installed; pip install -e '.[slurm]'") from None
        absent = [name for name in ("sbatch", "srun", "squeue", "scontrol") if shutil.which(name) is None]
        if absent:
            raise UserError(
                f"hydra/launcher=slurm: there is no {absent[0]} here; give the command where Slurm's are, or "
                "hydra/launcher=processes runs the jobs on this machine"
            )
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder) / "test.sh"
            script.write_text(self._text("true", name="test"))
            try:
                commands.submit(script, test_only=True)
            except commands.SlurmError as error:
                raise UserError(f"{self._asked_for()}: Slurm refuses such a job ({error})") from error

    def pool(self, *, n_jobs: int, stop: StopRequest, before: Mapping[str, Snapshot]) -> SlurmQueue:
        """A queue of jobs in Slurm, which takes over those that an earlier command submitted."""
        return SlurmQueue(self, n_jobs=n_jobs, stop=stop, before=before, time_limit=self._time)

    def announce(self, *, n_jobs: int, threads: int) -> str:
        """A line that tells the person how the jobs will be run."""
        return f"Slurm runs them, {n_jobs} at most at once, device.threads={threads}"

    def left(self, running: Sequence[RunningJob]) -> list[str]:
        """Lines that tell how to cancel the jobs that stay in Slurm."""
        numbers = [one.slurm_job for one in running if one.slurm_job]
        if not numbers:
            return []
        them = "it" if len(numbers) == 1 else "them"
        return [
            f"Slurm goes on with {counted(len(numbers), 'job')}. The same command watches {them} again.",
            f"cancel:      scancel {' '.join(numbers)}",
        ]

    def script(self, job: Job) -> Path:
        """The path of a job's batch script, by which a later command recognises the job in Slurm."""
        return self._folder / f"{job.name}.sh"

    def write(self, job: Job) -> Path:
        """Write a job's batch script and its order (the checked configuration); return the script's path."""
        self._folder.mkdir(exist_ok=True)
        order = {
            "command": list(sys.argv),
            "import_from": sys.path[0],
            "folder": str(job.folder),
            "config": job.composed,
        }
        path = self._folder / f"{job.name}.yaml"
        stretches(path).unlink(missing_ok=True)  # of an earlier command, perhaps with another time limit
        write_atomically(path, OmegaConf.to_yaml(OmegaConf.create(order)))
        script = self.script(job)
        command = shlex.join([sys.executable, "-u", "-m", "exp.sweep.slurm.job", str(path)])
        write_atomically(script, self._text(command, name=job.name))
        return script

    def log(self, number: str) -> Path:
        """The file that holds what Slurm and the job's process printed to stderr."""
        from submitit.core.utils import JobPaths

        return Path(os.path.relpath(JobPaths(self._folder, job_id=number).stderr))

    def _text(self, command: str, *, name: str) -> str:
        from submitit import SlurmExecutor

        executor = SlurmExecutor(folder=self._folder)
        executor.update_parameters(
            job_name=name,
            time=self._time,
            mem=None if self._memory is None else f"{round(self._memory * 1024)}M",
            cpus_per_task=self._cpus,
            gpus_per_node=self._gpus or None,
            signal_delay_s=self._signal_seconds,
            wckey=None,
            **self._words,
            # Since Slurm 22.05 a step does not have its job's CPUs by itself.
            srun_args=[f"--cpus-per-task={self._cpus}"],
            additional_parameters={"requeue": True, **self._sbatch},
        )
        # submitit's public `submit` would pickle a function, and answer the signal ahead of the time limit itself.
        return str(executor._make_submission_file_text(command, ""))

    def _asked_for(self) -> str:
        asked = {**self._words, "time": self._time, "cpus": self._cpus, "gpus": self._gpus or None}
        asked |= {"memory_gb": self._memory, **{f"sbatch.{key}": value for key, value in self._sbatch.items()}}
        return " ".join(f"hydra.launcher.{key}={value}" for key, value in asked.items() if value is not None)


def _whole(options: Mapping[str, Any], key: str, *, least: int, null: bool = False) -> int | None:
    value = options[key]
    if value is None and null:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise UserError(
            f"hydra.launcher.{key}={value}: must be a whole number of at least {least}{', or null' if null else ''}"
        )
    return value


def _own_options(given: Any) -> dict[str, Any]:
    if not isinstance(given, Mapping | None):
        raise UserError(
            f"hydra.launcher.sbatch={excerpt(given)}: must be a group of keys, such as {{constraint: a100}}"
        )
    options = {str(key).replace("_", "-"): value for key, value in (given or {}).items()}
    for key in options:
        if not re.fullmatch(r"[a-z][a-z-]*", key) or key in TAKEN:
            why = "is set by the launcher itself" if key in TAKEN else "is not the name of an option of sbatch"
            raise UserError(f"hydra.launcher.sbatch.{key}: {why}")
    return options
