"""The errors that are not bugs: a user's mistake, and jobs of a sweep that did not complete. All others are ours."""


class UserError(ValueError):
    """A wrong config, path or data set: exit status 2 and this message, without a traceback."""


def excerpt(value: object) -> str:
    """A value as a sentence can show it: on one line, and not endless."""
    text = " ".join(str(value).splitlines()) or "''"
    return text if len(text) <= 200 else f"{text[:160]}...{text[-20:]}"


class JobsFailed(Exception):  # noqa: N818
    """Jobs of a sweep did not complete."""

    def __init__(self, message: str = "", status: int = 1) -> None:
        """End the program.

        Args:
            message: a sentence that is shown to the person; empty if everything was said.
            status: the exit status.
        """
        super().__init__(message, status)  # both, so that another process can send it
        self.message, self.status = message, status


class RunFailed(Exception):  # noqa: N818
    """A run that was started from Python failed or diverged; the message says where its folder is."""


class WorkerLost(Exception):  # noqa: N818
    """Another worker of the same run is gone, or has other values, so that the run cannot continue."""
