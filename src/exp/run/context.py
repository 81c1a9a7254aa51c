"""What training and evaluation are given: a run that is built, has its initial state, and knows where it logs."""

from dataclasses import dataclass

from exp.config import Config
from exp.distributed import Group, Stop
from exp.loggers.console import Display
from exp.loggers.logger import Loggers
from exp.run.components import Components
from exp.run.initial_state import InitialState
from exp.run_folder import names
from exp.run_folder.folder import Folder
from exp.run_folder.test_readings import TestReadings


@dataclass(frozen=True, kw_only=True)
class RunContext:
    """A run that is ready to begin."""

    components: Components
    state: InitialState
    folder: Folder
    logger: Loggers
    display: Display
    stop: Stop
    group: Group
    test_readings: TestReadings | None = None
    """Counts how often the test split is read; None in a process that writes nothing."""
    objective: str | None = None
    """The figure that a search chooses this run by among others."""

    def note_test_reading(self, *, by: str, step: int) -> None:
        """Count a reading of the test split, which was made by a `closing test`, a `checkpoint` or `mode=test`."""
        if self.test_readings is None:
            return
        try:
            self.test_readings.add(by=by, step=step)
        except OSError as error:
            self.display.say(f"{names.TEST_READINGS}: this reading of the test set is not counted ({error.strerror})")

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
