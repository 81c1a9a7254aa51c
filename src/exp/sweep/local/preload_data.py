"""Imported once by the fork server of a sweep over the bundled data: it is read once for all jobs."""

import contextlib

from exp.data.read_ahead import read_bundled
from exp.errors import UserError

with contextlib.suppress(UserError):  # each job says what is wrong
    read_bundled()
