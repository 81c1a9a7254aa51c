"""The request: all that a run is told before it begins, from one place, the command line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exp.config import Config, parse
from exp.distributed.cluster import Cluster
from exp.system.files import from_here


@dataclass(frozen=True)
class Request:
    """A run that is asked for."""

    config: Config
    tree: Mapping[str, Any]
    """The configuration as plain data."""
    folder: Path
    command: Sequence[str]
    choices: Mapping[str, str]
    """The choices made, by group, as far as they are known: `model` is `mine`."""
    config_files: Mapping[str, str]
    """Files of `.hydra/` by name, to be written; empty if a run is resumed, which keeps those that it has."""
    tested: Path | None = None
    """mode=test: the folder of the run to test."""
    resumed: bool = False
    extended: bool = False
    """Whether a resumed run has another length than before."""
    sweep: Mapping[str, Any] | None = None
    """For a job of a sweep: the sweep's folder, and the number of jobs that ran side by side."""
    objective: str | None = None
    """The figure of `results.json` that a search chooses by; None: the first metric, on the validation split."""
    made: Path | None = None
    """The topmost folder that was made for the run's own; None if that was there before."""
    cluster: Cluster | None = None
    """The workers that train together, if they were started from outside (`TF_CONFIG`, Slurm)."""

    @property
    def is_follower(self) -> bool:
        """Whether another process, the chief, writes the run folder."""
        return self.cluster is not None and not self.cluster.is_chief

    def order(self) -> dict[str, Any]:
        """Turn the request into plain data, for a process that does the same run."""
        return {
            "tree": self.tree,
            "trusted": list(self.config.trusted_targets),
            "folder": str(self.folder.absolute()),
            "tested": str(self.tested) if self.tested else None,
            "resumed": self.resumed,
            "extended": self.extended,
        }


def request_of(order: Mapping[str, Any]) -> Request:
    """Turn the order of another process back into a request; the chief alone knows the command and writes `.hydra/`."""
    return Request(
        config=parse(order["tree"], trusted=order["trusted"]),
        tree=order["tree"],
        folder=from_here(Path(order["folder"])),
        command=[],
        choices={},
        config_files={},
        tested=Path(order["tested"]) if order["tested"] else None,
        resumed=order["resumed"],
        extended=order["extended"],
    )
