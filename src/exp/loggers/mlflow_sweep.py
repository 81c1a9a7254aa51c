"""The run of MLflow's that a run or a sweep already has, and the one under which a sweep's jobs appear."""

import contextlib
import json
import re
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from exp.errors import UserError
from exp.run_folder.names import MLFLOW
from exp.system.files import write_atomically
from exp.system.lock import Lock
from exp.system.safe_files import MissingError, read_object

RUN_TAG, SWEEP_TAG = "exp.run", "exp.sweep"
"""The tags that have the names of runs and sweeps."""
SECONDS_FOR_LOCK = 30.0
_NAME = re.compile(r"[0-9a-f]{32}")


def only_run(client: Any, experiment: str, tag: str, name: str) -> Any:
    """The run of an experiment with a name; None if there is none. Of several, the first that was made."""
    found = client.search_runs(
        [experiment], filter_string=f"tags.`{tag}` = '{name}'", order_by=["attributes.start_time ASC"], max_results=1
    )
    return found[0] if found else None


def parent_of(client: Any, experiment: str, sweep: Path) -> str:
    """The id of the run for a sweep as a whole, which its first job makes.

    It is a heading that has no figures of its own, and is finished from the beginning: each job has its own status.

    Raises:
        TimeoutError: other jobs had the sweep's lock all the time.
        UnreadableError: the note in the sweep's folder is none of ours.
    """
    with _locked(sweep):
        name = _name_of(sweep)
        found = only_run(client, experiment, SWEEP_TAG, name)
        if found is None:
            found = client.create_run(experiment, run_name=sweep.name, tags={SWEEP_TAG: name})
            client.set_terminated(found.info.run_id, "FINISHED")
        return str(found.info.run_id)


def _name_of(sweep: Path) -> str:
    """The sweep's name, which is drawn once."""
    path = sweep / MLFLOW
    try:
        name = read_object(path, most=4096).get("sweep")
    except MissingError:
        name = uuid.uuid4().hex
        write_atomically(path, json.dumps({"sweep": name}) + "\n")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(f"{path}: does not name the sweep; delete it, and the sweep gets a new parent run")
    return name


@contextlib.contextmanager
def _locked(sweep: Path) -> Iterator[None]:
    """Jobs that begin at the same time make one run together."""
    until = time.monotonic() + SECONDS_FOR_LOCK
    while True:
        try:
            lock = Lock(sweep / f".{MLFLOW}.lock")
            break
        except UserError as error:
            if time.monotonic() > until:
                raise TimeoutError(str(error)) from error
            time.sleep(0.1)
    try:
        yield
    finally:
        lock.close()
