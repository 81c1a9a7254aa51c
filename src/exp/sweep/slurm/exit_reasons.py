"""Explains why a job in Slurm ended, if its run could not note the reason itself."""

from pathlib import Path
from signal import Signals

from exp.sweep.slurm.client import Ending
from exp.sweep.snapshot import Snapshot, has_logged
from exp.system.safe_files import read_tail
from exp.terminal.words import counted

REASONS = {
    "CANCELLED": "cancelled in Slurm",
    "NODE_FAIL": "its node failed",
    "BOOT_FAIL": "its node did not boot",
    "DEADLINE": "its deadline passed",
    "PREEMPTED": "preempted, and not given back to the queue",
    "OUT_OF_MEMORY": "out of memory; hydra.launcher.memory_gb gives more",
}


def meaning(ending: Ending | None, minutes: int | None) -> str:
    """Explain a job's end in words.

    Args:
        ending: what Slurm knows about the end; None if it knows nothing.
        minutes: the time limit; None if the partition's own limit holds.
    """
    if ending is None:
        return "ended, and Slurm does not know how"
    if ending.state == "TIMEOUT":
        limit = f" of {counted(minutes, 'minute')}" if minutes else ""
        return (
            f"stopped at the time limit{limit}, before it had saved; hydra.launcher.signal_seconds gives it more time "
            "for that"
        )
    if ending.state != "FAILED":
        return REASONS.get(ending.state, f"ended in Slurm as {ending.state}")
    signal = ending.signal or max(ending.status - 128, 0)
    if not signal:
        return f"ended with status {ending.status}"
    name = Signals(signal).name if signal in [known.value for known in Signals] else f"signal {signal}"
    return f"killed by {name}{', perhaps because memory ran out' if name == 'SIGKILL' else ''}"


def log_beside(folder: Path, slurms: Path, *, since: Snapshot) -> Path | None:
    """The path of Slurm's log, if the run has not written to its own log since it was started; else None.

    Args:
        folder: the run's folder.
        slurms: the path of Slurm's log, which may not exist.
        since: the snapshot of the folder from the start of the job.
    """
    return None if has_logged(folder, since) or not slurms.is_file() else slurms


def stretches(order: Path) -> Path:
    """The file with the steps at which the last stretches of a job ended."""
    return order.with_suffix(".stretches.json")


def last_words(log: Path) -> str | None:
    """The last line of a log that is not indented, where a failing interpreter names the error."""
    lines = [line.strip() for line in read_tail(log).splitlines() if line[:1].strip()]
    own = [line for line in lines if not line.startswith(("srun:", "slurmstepd"))]
    return (own or lines or [""])[-1] or None
