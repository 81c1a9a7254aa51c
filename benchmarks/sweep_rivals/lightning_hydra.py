"""Hydra over Lightning: `-m seed=range(24)`, by the launcher that the command line names."""

from dataclasses import dataclass
from pathlib import Path

import hydra
import torch
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from omegaconf import MISSING

from benchmarks.sweep_rivals import torch_run


@dataclass
class Settings:
    """The configuration of a run."""

    data: str = MISSING
    """The folder of the arrays."""
    seed: int = 0
    threads: int | None = None
    """Of PyTorch; None: as it chooses."""


ConfigStore.instance().store(name="settings", node=Settings)


@hydra.main(version_base=None, config_path=None, config_name="settings")
def main(settings: Settings) -> float:
    """The run of a seed."""
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    folder = Path(HydraConfig.get().runtime.output_dir)
    return torch_run.run(settings.seed, data=Path(settings.data), folder=folder)


if __name__ == "__main__":
    main()
