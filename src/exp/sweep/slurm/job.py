"""The program that a job's batch script calls in Slurm: `python -m exp.sweep.slurm.job FILE`.

If Slurm starts it again (after a preemption, a requeue or a time limit), it resumes the run in its folder.
"""

import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

STARTED = time.perf_counter()

from exp.system.signals import StopRequest  # noqa: E402
from exp.system.streams import outlast  # noqa: E402

AHEAD_OF_LIMIT = (signal.SIGUSR1, signal.SIGUSR2)
SECONDS_FOR_FOLDER = 120.0
"""Seconds to wait for a process of an earlier stretch that still holds the folder."""


def main(order: Path) -> int:
    """Do a job and return its exit status.

    Args:
        order: the path of the order that `exp.sweep.slurm.backend` wrote.
    """
    with StopRequest() as stop:  # from the first moment, until the run has its own
        outlast()
        from omegaconf import OmegaConf

        from exp.run_folder import names
        from exp.sweep.job_process import Start, all_output_to, do_job_here
        from exp.system.project import project

        loaded: Any = OmegaConf.load(order)
        folder = Path(loaded.folder)
        all_output_to(folder / names.LOG)
        project()  # puts the user's own code on Python's path
        sys.argv[:] = list(loaded.command)
        sys.path.insert(0, loaded.import_from)
        _wait_for(folder, stop)
        status = stop.exit_status or do_job_here(Start(_as_hydra_has_it(loaded.config), folder, STARTED))
        return _again(order, folder, status) if status in [128 + number for number in AHEAD_OF_LIMIT] else status


def _as_hydra_has_it(config: Any) -> Any:
    """Give Hydra's part of a configuration that was read from a file the types that Hydra expects."""
    from hydra.conf import HydraConf
    from omegaconf import OmegaConf, open_dict

    config = OmegaConf.create(OmegaConf.to_container(config, resolve=False))
    typed = OmegaConf.structured(HydraConf)
    with open_dict(typed):  # for what Hydra has put in beside them
        typed.merge_with(config.hydra)
    config.hydra = typed
    return config


def _wait_for(folder: Path, stop: StopRequest) -> None:
    """Wait for a process of an earlier stretch, or of another sweep, that still holds the folder."""
    from exp.run_folder import names
    from exp.system.lock import is_locked

    end = time.monotonic() + SECONDS_FOR_FOLDER
    while is_locked(folder / names.LOCK) and time.monotonic() < end and not stop.asked():
        time.sleep(0.2)


def _again(order: Path, folder: Path, status: int) -> int:
    """Make Slurm start the job again, because the run saved a checkpoint ahead of its time limit."""
    from exp.sweep.heartbeat import Reporter
    from exp.sweep.slurm.client import SlurmError, requeue
    from exp.sweep.slurm.exit_reasons import stretches

    if _gets_nowhere(stretches(order), folder):
        Reporter(folder).mistake(
            "three times not a single step was done before the time limit; hydra.launcher.time must be longer, or "
            "hydra.launcher.signal_seconds shorter"
        )
        return status
    try:
        requeue(os.environ["SLURM_JOB_ID"])  # Slurm ends this process then, with SIGTERM, which is ignored by now
    except SlurmError as error:
        Reporter(folder).mistake(f"saved ahead of its time limit, and Slurm does not start it again: {error}")
    return status


def _gets_nowhere(ended_at: Path, folder: Path) -> bool:
    """Whether this stretch and the two before it all ended at the same step, also if that is before training."""
    from exp.run_folder.read import results_if_any

    earlier = []
    with contextlib.suppress(OSError, ValueError):
        earlier = list(json.loads(ended_at.read_text()))
    steps = [*earlier, results_if_any(folder).get("step")][-3:]
    with contextlib.suppress(OSError):
        ended_at.write_text(json.dumps(steps))
    return len(steps) == 3 and len(set(steps)) == 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
