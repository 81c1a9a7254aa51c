"""Starts the server of a sweep with the command, before Hydra has composed anything."""

import contextlib
import os
from collections.abc import Iterator, Sequence

OTHER_DATA = ("data=", "data.source=", "data._target_=", "experiment=", "--config")
"""Begins of arguments with which jobs may read other data than what is bundled."""


@contextlib.contextmanager
def job_server_begun(arguments: Sequence[str]) -> Iterator[None]:
    """Start the server that jobs are forked from, if there is to be a sweep; it imports while the sweep is planned.

    Which launcher and which data are chosen is guessed from the command line. If that is wrong, the server is ended,
    or each job reads its data.

    Raises:
        UserError: the environment is one in which no job can run.
    """
    launchers = [argument for argument in arguments if argument.startswith("hydra/launcher=")]
    if {"-m", "--multirun"}.isdisjoint(arguments) or not all(one.endswith("=processes") for one in launchers):
        yield
        return
    from exp.system import job_server
    from exp.system.tensorflow import NOISE_VARIABLE, check_backend

    check_backend()
    # Who asks for TensorFlow's messages gets the server's, too, but not before it is known that the sweep can be.
    if job_server.start_method() != "forkserver" or NOISE_VARIABLE in os.environ:
        yield
        return
    job_server.begin(reads_bundled=not any(argument.lstrip("+").startswith(OTHER_DATA) for argument in arguments))
    try:
        yield
    finally:
        job_server.end_if_unused()
