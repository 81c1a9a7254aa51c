"""The errors that are not bugs: a user's mistake, and jobs of a sweep that did not complete. All others are ours."""


class UserError(ValueError):
    """A wrong config, path or data set: exit status 2 and this message, without a traceback."""


class JobsFailed(Exception):  # noqa: N818
    """Jobs of a sweep did not complete, which has been said already; `status` is the exit status of the sweep."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status
