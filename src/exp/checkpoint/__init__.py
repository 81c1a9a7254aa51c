"""Checkpoints that prove themselves: `CheckpointManager` saves, `restore` and `restore_deferred` restore.

The files are those of `tf.train.Checkpoint`, with a record beside them. The package needs nothing else of this project
but `exp.errors` and `exp.system.files`.
"""

from exp.checkpoint.access import EagerAccess, VariableAccess
from exp.checkpoint.copies import Copies, copies_of_weights
from exp.checkpoint.deferred import Deferred, restore_deferred
from exp.checkpoint.inventory import (
    Inventory,
    newest_to_resume,
    newest_to_test,
    prefix_of,
    runs_in,
    set_aside,
    take_inventory,
)
from exp.checkpoint.manager import CheckpointManager, SaveError
from exp.checkpoint.protocol import Checkpoints, NoCheckpoints
from exp.checkpoint.record import CheckpointError, Record, amend_record, differing_versions, read_record, weights_digest
from exp.checkpoint.restore import Restored, Wanted, restore
from exp.checkpoint.retention import AnyOf, Best, EveryNSteps, NewestN, RetentionPolicy
from exp.checkpoint.run_state import BestSoFar, Rewind, RunState
from exp.checkpoint.writer import NotFiniteError, Origin

__all__ = [
    "AnyOf",
    "Best",
    "BestSoFar",
    "CheckpointError",
    "CheckpointManager",
    "Checkpoints",
    "Copies",
    "Deferred",
    "EagerAccess",
    "EveryNSteps",
    "Inventory",
    "NewestN",
    "NoCheckpoints",
    "NotFiniteError",
    "Origin",
    "Record",
    "Restored",
    "RetentionPolicy",
    "Rewind",
    "RunState",
    "SaveError",
    "VariableAccess",
    "Wanted",
    "amend_record",
    "copies_of_weights",
    "differing_versions",
    "newest_to_resume",
    "newest_to_test",
    "prefix_of",
    "read_record",
    "restore",
    "restore_deferred",
    "runs_in",
    "set_aside",
    "take_inventory",
    "weights_digest",
]
