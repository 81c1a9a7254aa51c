"""A sweep from Hydra's lists of overrides to their results: plan, ledger, processes, table."""

import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from omegaconf import DictConfig

from exp.cli.job import figure_for_sweeper
from exp.errors import JobsFailed, UserError
from exp.run_folder import names
from exp.run_folder.files import is_completed
from exp.sweep.backend import AtWork, Engine
from exp.sweep.before import Before
from exp.sweep.display import Watch
from exp.sweep.ledger import Entry, Ledger, now, read_ledger
from exp.sweep.plan import Job, Plan
from exp.system.lock import Lock
from exp.system.signals import StopRequest
from exp.system.streams import printable
from exp.terminal.commands import same_command, script_command, tensorboard
from exp.terminal.words import counted


class Sweep:
    """All that one command asks for; a searching sweeper comes several times with a few jobs."""

    def __init__(self, master: DictConfig, config_loader: Any, *, engine: Engine) -> None:
        """Nothing is started, and nothing written.

        Args:
            master: Hydra's configuration of the sweep.
            config_loader: Hydra's.
            engine: runs the jobs.
        """
        self._master, self._loader, self._engine = master, config_loader, engine
        self._folder = Path(str(master.hydra.sweep.dir))
        self._searching = not str(master.hydra.sweeper._target_).endswith(("GridSweeper", "BasicSweeper"))

    def launch(self, overrides: Sequence[Sequence[str]], *, first: int) -> list[JobReturn]:
        """Run jobs that are not done yet.

        Args:
            overrides: of each job.
            first: the number of the first one.

        Raises:
            UserError: a job cannot be, or the folder holds another sweep; nothing was started.
            JobsFailed: not all jobs completed, and no searching sweeper wants to know which.
        """
        if not overrides:
            raise UserError("the sweep has no jobs: a range or list in it is empty")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"hydra.sweep.dir={self._folder}: cannot be made ({error.strerror})") from error
        lock = Lock(self._folder / names.LOCK)
        if lock.note:
            print(printable(lock.note))
        try:
            return self._launch(overrides, first)
        finally:
            lock.close()
            with contextlib.suppress(OSError):
                self._folder.rmdir()  # only if nothing came of it

    def _launch(self, overrides: Sequence[Sequence[str]], first: int) -> list[JobReturn]:
        known = read_ledger(self._folder)
        if known and known.left_nothing():
            known = None  # the command was corrected, or is another one: nothing came of it yet
        n_jobs, threads = self._engine.shares(len({tuple(of_job) for of_job in overrides}))
        threads = known.threads if known else threads
        plan = Plan(self._master, self._loader, threads=threads, n_jobs=n_jobs)
        jobs = plan.jobs(overrides, first=first)
        ledger = known or Ledger(self._folder, ["python", *sys.argv], plan.fixed, threads, n_jobs)
        _check_same_sweep(ledger, plan)
        if not all(is_completed(job.folder) for job in jobs):
            self._engine.check()
        ledger.n_jobs = n_jobs
        ledger.add(jobs)
        stop = self._run(
            list({job.name: job for job in jobs}.values()), ledger, repeated=_repeated(overrides, jobs, plan)
        )
        return self._returns(jobs, ledger, stop)

    def _run(self, jobs: Sequence[Job], ledger: Ledger, *, repeated: Sequence[str]) -> StopRequest:
        to_do = [job for job in jobs if not ledger.is_done(job)]
        ledger.write()
        watch = Watch(total=len(to_do), n_jobs=ledger.n_jobs)
        if not self._searching:
            done = f", {len(jobs) - len(to_do)} done before" if len(to_do) < len(jobs) else ""
            watch.say(f"sweep: {self._folder}")
            if repeated:
                given = counted(len(repeated), "combination is", "combinations are")
                watch.say(f"{given} given once more, such as {repeated[0]}: one job each")
            watch.say(
                f"{counted(len(jobs), 'job')}{done}; "
                f"{self._engine.announce(n_jobs=min(ledger.n_jobs, len(jobs)), threads=ledger.threads)}"
            )

        def on_start(running: AtWork) -> None:
            entry = ledger.entries[running.job.name]
            entry.status, entry.attempts, entry.launched = self._engine.status, entry.attempts + 1, now()
            entry.seconds = entry.error = entry.result = entry.log = None
            entry.slurm_job, entry.before = running.slurm_job, running.before
            ledger.write()

        def on_end(running: AtWork, error: str | None) -> None:
            entry = ledger.entries[running.job.name]
            entry.note_end(error, stopped=running.stopped)
            entry.seconds = running.seconds
            entry.log = str(running.log) if running.log else None
            ledger.write()
            watch.ended(entry)

        left: list[str] = []
        with StopRequest() as stop:
            try:
                if to_do:
                    pool = self._engine.pool(n_jobs=ledger.n_jobs, stop=stop, before=_before(ledger))
                    pool.run(
                        to_do,
                        on_start=on_start,
                        on_wait=lambda job: watch.say(f"waiting for {job.folder}: another process is running in it"),
                        on_poll=lambda: watch.update(pool.running),
                        on_end=on_end,
                    )
                    left = self._engine.left(pool.running)
            finally:
                watch.close()
        if not self._searching or stop.signal is not None:
            watch.table([ledger.entries[job.name] for job in jobs], done_before=len(jobs) - len(to_do))
            trusted = self._master.get("trusted_targets") or []
            for line in [*left, *_next_commands(self._folder, [ledger.entries[job.name] for job in jobs], trusted)]:
                watch.say(line)
        return stop

    def _returns(self, jobs: Sequence[Job], ledger: Ledger, stop: StopRequest) -> list[JobReturn]:
        entries = [ledger.entries[job.name] for job in jobs]
        if stop.signal is not None:
            raise JobsFailed(status=stop.exit_status)
        if not self._searching and any(entry.status != "completed" for entry in entries):
            raise JobsFailed
        return [_job_return(job, entry) for job, entry in zip(jobs, entries, strict=True)]


def _repeated(overrides: Sequence[Sequence[str]], jobs: Sequence[Job], plan: Plan) -> list[str]:
    """The combinations that ask for the job of an earlier one."""
    found, known = [], set()
    for of_job, job in zip(overrides, jobs, strict=True):
        if job.name in known:
            found.append(" ".join(plan.swept(of_job)) or " ".join(of_job))
        known.add(job.name)
    return found


def _check_same_sweep(ledger: Ledger, plan: Plan) -> None:
    """Refuse to mix jobs with others that share other overrides, or came from other files.

    Raises:
        UserError: they do.
    """
    if ledger.fixed != plan.fixed:
        there, here = (" ".join(fixed) or "no overrides of its own" for fixed in (ledger.fixed, plan.fixed))
        raise UserError(
            f"hydra.sweep.dir={ledger.folder}: all jobs there have {there}, and here they have {here}; take another "
            "folder"
        )


def _before(ledger: Ledger) -> dict[str, Before]:
    """What lay in each job's folder when it was last started."""
    return {name: entry.before for name, entry in ledger.entries.items()}


def _job_return(job: Job, entry: Entry) -> JobReturn:
    """Hydra's view of a job."""
    back = JobReturn(overrides=list(job.overrides), cfg=job.composed, status=JobStatus.COMPLETED)
    back.working_dir, back.task_name = entry.folder, entry.name
    if entry.status == "completed":
        back.return_value = figure_for_sweeper(job.folder, job.composed.objective)
    else:
        why = JobsFailed(f"{entry.folder}: {entry.error or entry.status}")
        back.status, back.return_value = JobStatus.FAILED, why
    return back


def _next_commands(folder: Path, entries: Sequence[Entry], trusted: Sequence[str]) -> list[str]:
    lines = [f"sweep:       {folder}"]
    if any(entry.status != "completed" for entry in entries):
        lines.append(f"go on:       {same_command('hydra.sweep.dir', folder, trusted=trusted)}")
    return [
        *lines,
        f"compare:     {script_command('compare', '--sort test/accuracy', folder=folder)}",
        f"look at it:  {tensorboard(folder)}",
    ]
