"""`sweep.json`, the ledger of a sweep: what became of each job. It is correct after a crash, too."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, PositiveInt, TypeAdapter, ValidationError

from exp.config.question import RegisteredQuestion, parse_question
from exp.errors import UserError
from exp.run_folder import names
from exp.run_folder.read import is_completed, manifest_if_any, results_if_any
from exp.run_folder.results import tagged_metrics
from exp.sweep.plan import Job
from exp.sweep.snapshot import Snapshot, has_new_results
from exp.system.files import write_atomically
from exp.system.markers import SWEEP
from exp.system.safe_files import MissingError, UnreadableError, read_object
from exp.terminal.words import counted

_TIME = r"^\d{4}-\d\d-\d\dT[012]\d:[0-5]\d:[0-5]\d(\.\d+)?\+00:00$"


def now() -> str:
    """The time in UTC, in ISO format, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@dataclass
class Entry:
    """A job, as the ledger has it."""

    name: Annotated[str, Field(pattern=r"^[^/\\]*[^/\\.][^/\\]*$")]
    """Name of the job, and of its folder beside the ledger."""
    overrides: list[str]
    config_hash: str
    folder: str
    status: str = "waiting"
    """`waiting`, `running`, `submitted` (Slurm knows whether it runs), or as `results.json` has it: `completed`,
    `interrupted`, `diverged`, `failed`."""
    attempts: int = 0
    launched: Annotated[str, Field(pattern=_TIME)] | None = None
    """The time (UTC) at which the job was last started."""
    seconds: float | None = None
    """Seconds from that start to the end; in Slurm, the seconds of the last stretch."""
    result: dict[str, int | float | str | None] | None = None
    error: str | None = None
    """The reason why the job did not complete, in one line."""
    slurm_job: str | None = None
    """The job's number in Slurm."""
    log: str | None = None
    """The log to read if `run.log` does not explain how the job ended."""
    before: Snapshot = field(default_factory=Snapshot)
    """What lay in the job's folder when it was last started."""

    def left_nothing(self) -> bool:
        """Whether the job was not started, or was refused before it began and left no more than its log."""
        folder = Path(self.folder)
        left = any((folder / name).exists() for name in (names.MANIFEST, names.CHECKPOINTS))
        return not left and self.status in ("waiting", "failed")

    def note_end(self, error: str | None, *, stopped: bool = False) -> None:
        """Take over how the job ended from its run folder.

        Args:
            error: the reason, if the job could not note it itself.
            stopped: whether the job was asked to stop, perhaps before it could do so in good order.
        """
        folder = Path(self.folder)
        results = results_if_any(folder) if has_new_results(folder, self.before) else {}
        self.status = results.get("status") or ("interrupted" if stopped else "failed")
        self.error = results.get("error") or error
        self.result = None
        if results:
            self.result = {
                "step": results.get("step"),
                "train/loss": (results.get("train") or {}).get("loss"),
                **_figures("validation", results.get("validation") or {}),
                **{"test/loss": None, **_figures("test", results.get("test") or {})},
                "weights_sha256": results.get("weights_sha256"),
            }


def metrics_of(entries: "Iterable[Entry]") -> list[str]:
    """The metrics that any job has, such as `test/accuracy`, in the order of their tasks; those to choose by first."""
    return tagged_metrics(name for entry in entries for name in entry.result or {})


def _figures(split: str, figures: Mapping[str, Any]) -> dict[str, Any]:
    """The loss and the metrics of an evaluation by their names."""
    return {
        f"{split}/{name}": value
        for name, value in figures.items()
        if name not in ("examples", "step") and _is_number(value)
    }


def _is_number(value: object) -> bool:
    return value is None or isinstance(value, int | float)


@dataclass
class _Stored:
    """The keys of `sweep.json` that are read; keys that a later version adds are ignored."""

    command: list[str]
    fixed: list[str]
    threads: PositiveInt
    n_jobs: PositiveInt
    started: str
    jobs: list[Entry]
    question: dict[str, Any] | None = None


@dataclass
class Ledger:
    """All jobs that were ever planned in a sweep's folder."""

    folder: Path
    command: list[str]
    fixed: list[str]
    threads: int
    n_jobs: int
    started: str = field(default_factory=now)
    entries: dict[str, Entry] = field(default_factory=dict)
    question: RegisteredQuestion | None = None
    """What the sweep is to tell, since before its first run."""

    def add(self, jobs: Sequence[Job]) -> None:
        """Add jobs to the ledger; a job that is there already keeps its entry.

        Raises:
            UserError: a job has another configuration than it had, or two have the same folder.
        """
        entries, changed = dict(self.entries), []
        for job in jobs:
            entry = Entry(job.name, list(job.overrides), job.config_hash, str(job.folder))
            # The folder knows best, also where the ledger was lost.
            there = manifest_if_any(job.folder).get("config_hash", job.config_hash)
            known = entries.get(job.name)
            if known and known.status == "failed" and known.left_nothing():
                entries[job.name] = replace(entry, attempts=known.attempts)
            if not {entries.setdefault(job.name, entry).config_hash, there} <= {job.config_hash, *job.earlier_hashes}:
                changed.append(job.name)
        if changed:
            raise UserError(
                f"hydra.sweep.dir={self.folder}: was begun with another configuration (of "
                f"{counted(len(changed), 'job')}, such as {changed[0]}); take another folder"
            )
        self.entries = entries
        self.write()

    def left_nothing(self) -> bool:
        """Whether every job was refused or never started, so that nothing would be lost without this ledger."""
        return all(entry.left_nothing() for entry in self.entries.values())

    def is_done(self, job: Job) -> bool:
        """Whether a job is completed, according to its own folder."""
        done = is_completed(job.folder)
        entry = self.entries[job.name]
        if done and entry.status != "completed":  # it ended after whoever started it was gone
            entry.note_end(None)
        return done

    def write(self) -> None:
        """Write `sweep.json`, replaced as a whole."""
        content = {
            "command": self.command,
            "started": self.started,
            "fixed": self.fixed,
            "threads": self.threads,
            "n_jobs": self.n_jobs,
            **_registration(self.question),
            "jobs": [asdict(entry) for entry in self.entries.values()],
        }
        write_atomically(self.folder / SWEEP, json.dumps(content, indent=2) + "\n")


def _registration(question: RegisteredQuestion | None) -> dict[str, Any]:
    return {} if question is None else {"question": question.plain(), "question_sha256": question.sha256}


def read_ledger(folder: Path) -> Ledger | None:
    """Read the ledger in a sweep's folder; None if there is none.

    Raises:
        UserError: the ledger is damaged.
    """
    path = folder / SWEEP
    try:
        stored = TypeAdapter(_Stored).validate_python(read_object(path))
    except MissingError:
        return None
    except (UnreadableError, ValidationError) as error:
        raise UserError(f"{path}: is damaged; move it away, and the jobs are found by their folders") from error
    # A sweep that was moved has its jobs where it is now.
    entries = {entry.name: replace(entry, folder=str(folder / entry.name)) for entry in stored.jobs}
    return Ledger(
        folder,
        stored.command,
        stored.fixed,
        stored.threads,
        stored.n_jobs,
        stored.started,
        entries,
        parse_question(stored.question),
    )
