"""A sweep, from lists of overrides to the results: plans the jobs, keeps the ledger, runs them, and shows a table."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from omegaconf import DictConfig, OmegaConf

from exp.cli.do_job import figure_for_sweeper
from exp.cli.request_checks import is_search
from exp.compare.seeds import SEEDS
from exp.errors import JobsFailed, UserError
from exp.run_folder import names
from exp.run_folder.read import is_completed
from exp.sweep.backend import Backend, RunningJob
from exp.sweep.display import SweepDisplay
from exp.sweep.ledger import Entry, Ledger, metrics_of, now, read_ledger
from exp.sweep.plan import Job, Plan
from exp.sweep.question import announcement, check_answerable, check_asked, question_of
from exp.sweep.snapshot import Snapshot
from exp.system.lock import Lock
from exp.system.signals import StopRequest
from exp.system.streams import printable
from exp.terminal.commands import command_line, same_command, script_command, tensorboard
from exp.terminal.words import counted


class Sweep:
    """The jobs that one command asks for. A searching sweeper calls `launch` several times with a few jobs each."""

    def __init__(self, master: DictConfig, config_loader: Any, *, backend: Backend) -> None:
        """Start nothing and write nothing yet.

        Args:
            master: the configuration that Hydra composed for the sweep as a whole.
            config_loader: Hydra's loader of configuration files.
            backend: runs the jobs, on this machine or in Slurm.
        """
        self._master, self._loader, self._backend = master, config_loader, backend
        self._folder = Path(str(master.hydra.sweep.dir))
        self._searching = is_search(master.hydra)

    def launch(self, overrides: Sequence[Sequence[str]], *, first: int) -> list[JobReturn]:
        """Run those of the jobs that are not completed yet, and return Hydra's view of all.

        Args:
            overrides: the overrides of each job.
            first: the number of the first job.

        Raises:
            UserError: a job's configuration is wrong, or the folder holds another sweep; nothing was started.
            JobsFailed: not all jobs completed, and no searching sweeper is there to be told which.
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
        n_jobs, threads = self._backend.shares(len({tuple(of_job) for of_job in overrides}))
        threads = known.threads if known else threads
        plan = Plan(self._master, self._loader, threads=threads, n_jobs=n_jobs)
        jobs = plan.jobs(overrides, first=first)
        question = question_of(jobs)
        if question is not None and known is None:
            check_answerable(question, jobs)
        ledger = known or Ledger(self._folder, command_line(), plan.fixed, threads, n_jobs, question=question)
        _check_same_sweep(ledger, plan)
        check_asked(ledger, question)
        if not all(is_completed(job.folder) for job in jobs):
            self._backend.check()
        ledger.n_jobs = n_jobs
        ledger.add(jobs)
        stop = self._run(
            list({job.name: job for job in jobs}.values()), ledger, repeated=_repeated(overrides, jobs, plan)
        )
        return self._returns(jobs, ledger, stop)

    def _run(self, jobs: Sequence[Job], ledger: Ledger, *, repeated: Sequence[str]) -> StopRequest:
        to_do = [job for job in jobs if not ledger.is_done(job)]
        ledger.write()
        watch = SweepDisplay(total=len(to_do), n_jobs=ledger.n_jobs)
        if not self._searching:
            done = f", {len(jobs) - len(to_do)} done before" if len(to_do) < len(jobs) else ""
            watch.say(f"sweep: {self._folder}")
            if repeated:
                given = counted(len(repeated), "combination is", "combinations are")
                watch.say(f"{given} given once more, such as {repeated[0]}: one job each")
            if ledger.question is not None:
                watch.say(announcement(ledger.question, ledger))
            watch.say(
                f"{counted(len(jobs), 'job')}{done}; "
                f"{self._backend.announce(n_jobs=min(ledger.n_jobs, len(jobs)), threads=ledger.threads)}"
            )

        def on_start(running: RunningJob) -> None:
            entry = ledger.entries[running.job.name]
            entry.status, entry.attempts, entry.launched = self._backend.status, entry.attempts + 1, now()
            entry.seconds = entry.error = entry.result = entry.log = None
            entry.slurm_job, entry.before = running.slurm_job, running.before
            ledger.write()

        def on_end(running: RunningJob, error: str | None) -> None:
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
                    pool = self._backend.pool(n_jobs=ledger.n_jobs, stop=stop, before=_before(ledger))
                    pool.run(
                        to_do,
                        on_start=on_start,
                        on_wait=lambda job: watch.say(f"waiting for {job.folder}: another process is running in it"),
                        on_poll=lambda: watch.update(pool.running),
                        on_end=on_end,
                    )
                    left = self._backend.left(pool.running)
            finally:
                watch.close()
        if not self._searching or stop.signal is not None:
            watch.table(
                [ledger.entries[job.name] for job in jobs],
                shared=_shared_by_all(self._master),
                done_before=len(jobs) - len(to_do),
            )
            trusted = self._master.get("trusted_targets") or []
            entries = [ledger.entries[job.name] for job in jobs]
            asked = ledger.question is not None
            for line in [*left, *_next_commands(self._folder, entries, trusted, asked=asked)]:
                watch.say(line)
        return stop

    def _returns(self, jobs: Sequence[Job], ledger: Ledger, stop: StopRequest) -> list[JobReturn]:
        entries = [ledger.entries[job.name] for job in jobs]
        if stop.signal is not None:
            raise JobsFailed(status=stop.exit_status)
        if not self._searching and any(entry.status != "completed" for entry in entries):
            raise JobsFailed
        return [_job_return(job, entry) for job, entry in zip(jobs, entries, strict=True)]


def _shared_by_all(master: DictConfig) -> dict[str, Any]:
    """What jobs are told from each other by as samples, with the values of those that do not set it themselves."""
    return {key: OmegaConf.select(master, key) for key in (*SEEDS, "data.validation")}


def _repeated(overrides: Sequence[Sequence[str]], jobs: Sequence[Job], plan: Plan) -> list[str]:
    """The combinations of overrides that ask for the same job as an earlier combination."""
    found, known = [], set()
    for of_job, job in zip(overrides, jobs, strict=True):
        if job.name in known:
            found.append(" ".join(plan.swept(of_job)) or " ".join(of_job))
        known.add(job.name)
    return found


def _check_same_sweep(ledger: Ledger, plan: Plan) -> None:
    """Refuse to put jobs into a ledger whose jobs share other overrides.

    Raises:
        UserError: the shared overrides differ.
    """
    if ledger.fixed != plan.fixed:
        there, here = (" ".join(fixed) or "no overrides of its own" for fixed in (ledger.fixed, plan.fixed))
        raise UserError(
            f"hydra.sweep.dir={ledger.folder}: all jobs there have {there}, and here they have {here}; take another "
            "folder"
        )


def _before(ledger: Ledger) -> dict[str, Snapshot]:
    """The snapshot of each job's folder from when the job was last started, by the job's name."""
    return {name: entry.before for name, entry in ledger.entries.items()}


def _job_return(job: Job, entry: Entry) -> JobReturn:
    """What Hydra's sweeper is told of a job: its status, and its objective if it completed."""
    back = JobReturn(overrides=list(job.overrides), cfg=job.composed, status=JobStatus.COMPLETED)
    back.working_dir, back.task_name = entry.folder, entry.name
    if entry.status == "completed":
        back.return_value = figure_for_sweeper(job.folder, job.composed.objective)
    else:
        why = JobsFailed(f"{entry.folder}: {entry.error or entry.status}")
        back.status, back.return_value = JobStatus.FAILED, why
    return back


def _next_commands(folder: Path, entries: Sequence[Entry], trusted: Sequence[str], *, asked: bool) -> list[str]:
    first = next(iter(metrics_of(entries)), "test/loss")
    lines = [f"sweep:       {folder}"]
    if any(entry.status != "completed" for entry in entries):
        lines.append(f"go on:       {same_command('hydra.sweep.dir', folder, trusted=trusted)}")
    if asked:
        lines.append(f"answer:      {script_command('compare', '--registered', folder=folder)}")
    return [
        *lines,
        f"compare:     {script_command('compare', f'--sort {first}', folder=folder)}",
        f"look at it:  {tensorboard(folder)}",
    ]
