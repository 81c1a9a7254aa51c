"""What training and evaluation are given: a run that is built, has its initial state, and knows where it logs."""

from dataclasses import dataclass

from exp.config import Config
from exp.distributed import Group, Stop
from exp.loggers.console import Display
from exp.loggers.logger import Logger
from exp.run.components import Components
from exp.run.initial_state import InitialState
from exp.run_folder.folder import Folder


@dataclass(frozen=True)
class RunContext:
    """A run that is ready to begin."""

    components: Components
    state: InitialState
    folder: Folder
    logger: Logger
    display: Display
    stop: Stop
    group: Group

    @property
    def config(self) -> Config:
        """The configuration of the run."""
        return self.components.config

    @property
    def writes(self) -> bool:
        """Whether this process writes the run folder."""
        return self.group.is_chief

    @property
    def shows_images(self) -> bool:
        """Whether this process logs pictures of the data and of predictions."""
        return self.config.summary.images and self.writes and self.components.dataset.is_pictures
