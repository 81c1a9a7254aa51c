"""What happens in a job of Slurm's: `python -m exp.sweep.slurm.job FILE`.

Started again by Slurm, after a preemption, a requeue or its time limit, it goes on with the run in its folder.
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
"""That a process of an earlier stretch has to give its folder back."""


def main(order: Path) -> int:
    """Do a job; returns its exit status.

    Args:
        order: written by `exp.sweep.slurm.backend`.
    """
    with StopRequest() as stop:  # from the first moment, until the run has its own
        outlast()
        from omegaconf import OmegaConf

        from exp.run_folder import names
        from exp.sweep.job_process import Start, all_output_to, run

        loaded: Any = OmegaConf.load(order)
        folder = Path(loaded.folder)
        all_output_to(folder / names.LOG)
        sys.argv[:] = list(loaded.command)
        sys.path.insert(0, loaded.import_from)
        _wait_for(folder, stop)
        status = stop.exit_status or run(Start(_as_hydra_has_it(loaded.config), folder, STARTED))
        return _again(order, folder, status) if status in [128 + number for number in AHEAD_OF_LIMIT] else status


def _as_hydra_has_it(config: Any) -> Any:
    """What was read is plain, and a part of something; Hydra's own part has types."""
    from hydra.conf import HydraConf
    from omegaconf import OmegaConf, open_dict

    config = OmegaConf.create(OmegaConf.to_container(config, resolve=False))
    typed = OmegaConf.structured(HydraConf)
    with open_dict(typed):  # for what Hydra has put in beside them
        typed.merge_with(config.hydra)
    config.hydra = typed
    return config


def _wait_for(folder: Path, stop: StopRequest) -> None:
    """For a process of an earlier stretch, or of another sweep, that still holds the folder."""
    from exp.run_folder import names
    from exp.system.lock import is_locked

    end = time.monotonic() + SECONDS_FOR_FOLDER
    while is_locked(folder / names.LOCK) and time.monotonic() < end and not stop.asked():
        time.sleep(0.2)


def _again(order: Path, folder: Path, status: int) -> int:
    """The run has saved ahead of its time limit: have Slurm start the job again, to go on."""
    from exp.sweep.heartbeat import Reporter
    from exp.sweep.slurm.commands import SlurmError, requeue
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
    """Whether this stretch and the two before it ended at the same step; one that ends before training is one too."""
    from exp.run_folder.files import results_if_any

    earlier = []
    with contextlib.suppress(OSError, ValueError):
        earlier = list(json.loads(ended_at.read_text()))
    steps = [*earlier, results_if_any(folder).get("step")][-3:]
    with contextlib.suppress(OSError):
        ended_at.write_text(json.dumps(steps))
    return len(steps) == 3 and len(set(steps)) == 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
