"""The one kind of error that is the user's to mend; everything else is a bug of ours."""


class UserError(ValueError):
    """A wrong config, path or data set: exit status 2 and this message, without a traceback."""
