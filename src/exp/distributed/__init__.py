"""The workers of one run, as they meet and keep an eye on each other. Training itself is TensorFlow's."""

from exp.distributed.followers import NoCheckpoints, NoFolder
from exp.distributed.group import Team
from exp.distributed.handshake import facts_of, meet
from exp.distributed.local import Processes, gpus_of, plan_local, start_workers, worker_log
from exp.distributed.stop import AgreedStop

__all__ = [
    "AgreedStop",
    "NoCheckpoints",
    "NoFolder",
    "Processes",
    "Team",
    "facts_of",
    "gpus_of",
    "meet",
    "plan_local",
    "start_workers",
    "worker_log",
]
