"""The processes that train one model: how they meet, and how they notice that one is lost. TensorFlow trains."""

from exp.distributed.group import Alone, Group
from exp.distributed.handshake import facts_of, meet
from exp.distributed.local import Processes, gpus_of, plan_local, start_workers
from exp.distributed.stop import AgreedStop, Stop
from exp.distributed.workers import Workers

__all__ = [
    "AgreedStop",
    "Alone",
    "Group",
    "Processes",
    "Stop",
    "Workers",
    "facts_of",
    "gpus_of",
    "meet",
    "plan_local",
    "start_workers",
]
