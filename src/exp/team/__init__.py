"""The workers of one run, as they meet and keep an eye on each other. Training itself is TensorFlow's."""

from exp.team.followers import NoCheckpoints, NoFolder, NoSummary
from exp.team.local import Processes, gpus_of, plan_local, start_workers, worker_log
from exp.team.meeting import facts_of, meet
from exp.team.stop import AgreedStop
from exp.team.team import Team

__all__ = [
    "AgreedStop",
    "NoCheckpoints",
    "NoFolder",
    "NoSummary",
    "Processes",
    "Team",
    "facts_of",
    "gpus_of",
    "meet",
    "plan_local",
    "start_workers",
    "worker_log",
]
