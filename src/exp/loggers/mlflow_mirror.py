"""An MLflow server as a mirror of `metrics.jsonl`. Imports MLflow, and is called in the thread of an `OutsideLogger`.

MLflow keeps each value that it was ever sent, so that nothing is sent twice: when a process begins, the server is asked
which values it has, and gets those of the file that it lacks. So a run that is killed and resumed, or whose server was
away for a while, is one run there with each step once. A run is known by a tag with the name that `exp` gave it.
"""

import contextlib
import getpass
import json
import math
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException, RestException
from mlflow.tracking import MlflowClient

from exp.loggers.collect import kind_of
from exp.loggers.logger import LossRow
from exp.loggers.mlflow_sweep import RUN_TAG, only_run, parent_of
from exp.run_folder import names
from exp.run_folder.read import manifest_if_any

LONGEST_KEY, LONGEST_VALUE = 250, 6000
"""Characters that MLflow takes."""
MOST_AT_ONCE = {"metrics": 1000, "params": 100}
REPEATED_TAG, TAKEN_BACK_TAG = "exp.repeated_from_step", "exp.taken_back"
LEFT_OUT_TAG, CHANGED_TAG = "exp.left_out", "exp.changed."
MOST_NAMED = 5
STATUS = {"completed": "FINISHED", "interrupted": "KILLED"}
"""MLflow's word for how a run ended; any other end is FAILED."""
ARTIFACTS = (names.CONFIG, f"{names.HYDRA_FOLDER}/{names.OVERRIDES_YAML}", names.MANIFEST, names.RESULTS, names.LOG)
_NAME = re.compile(r"[/\w.\- :]+")
_RUN = re.compile(r"[0-9a-f]{32}")


class MlflowMirror:
    """The run of MLflow's that belongs to a run."""

    def __init__(
        self,
        folder: Path,
        *,
        address: str,
        experiment: str,
        artifacts: bool,
        run: str,
        is_test: bool,
        config: Mapping[str, Any],
        earlier: Sequence[Mapping[str, Any]],
        sweep: Path | None,
        say: Any,
    ) -> None:
        """Find the run on the server, or make it, and send what it lacks.

        Args:
            folder: of the run.
            address: of the server.
            experiment: of MLflow's; it is made if there is none.
            artifacts: whether to send files at the end.
            run: the name of the run in its checkpoints.
            is_test: whether this is a test of that run, which is a run of its own.
            config: by dotted key; the parameters.
            earlier: the lines of `metrics.jsonl`.
            sweep: the folder of the run's sweep, if it has one.
            say: tells the person.

        Raises:
            ConnectionError: the server does not answer.
            MlflowException: it refuses something.
        """
        self._folder, self._address, self._artifacts, self._say = folder, address, artifacts, say
        self._metrics: list[Any] = []
        self._left_out: set[str] = set()
        self._status = "failed"
        self._latest, self._repeats = 0, False
        with self._told():
            self._client = MlflowClient(tracking_uri=address)
            number = self._experiment(experiment)
            if not _RUN.fullmatch(run):
                raise ValueError(f"{folder}: its run has the name {run!r}, which is none that exp gives")
            found = None if is_test else only_run(self._client, number, RUN_TAG, run)
            if found is None:
                tags = {**self._tags(is_test), **({} if is_test else {RUN_TAG: run})}
                if sweep is not None:
                    tags["mlflow.parentRunId"] = parent_of(self._client, number, sweep)
                found = self._client.create_run(number, run_name=folder.name, tags=tags)
            else:
                self._client.update_run(found.info.run_id, status="RUNNING")
            self._id = found.info.run_id
            self._known = {tag: self._history(tag) for tag in found.data.metrics}
            self._say(f"MLflow:      {address}/#/experiments/{number}/runs/{self._id}")
            self._send_params(config, found.data.params)
            for row in earlier:
                self._add(row["step"], _tagged(row))
            self._send()

    def losses(self, rows: Sequence[LossRow]) -> None:
        """Send losses, together with others."""
        for row in rows:
            self._add(row.step, {"train/loss": row.loss, **row.tagged()})

    def metrics(self, step: int, metrics: Mapping[str, float]) -> None:
        """Send metrics."""
        self._add(step, metrics)

    def summaries(self, step: int, summaries: Mapping[str, Any]) -> None:
        """Send the scalars among the summaries."""
        self._add(step, {k.partition("/")[2]: float(v.item()) for k, v in summaries.items() if kind_of(k) == "scalar"})

    def ended(self, step: int, status: str) -> None:
        """Note how the run ended; the server is told when all is sent."""
        self._status = status

    def flush(self) -> None:
        """Send what waits.

        Raises:
            ConnectionError: the server does not answer.
        """
        with self._told():
            self._send()

    def close(self) -> None:
        """Send what waits, how the run ended, and its files."""
        with self._told():
            self._send()
            self._note_more()
            if self._left_out:
                self._client.set_tag(self._id, LEFT_OUT_TAG, ", ".join(sorted(self._left_out))[:LONGEST_VALUE])
            self._client.set_terminated(self._id, STATUS.get(self._status, "FAILED"))
            for name in ARTIFACTS if self._artifacts else ():
                path = self._folder / name
                if path.is_file():
                    self._client.log_artifact(self._id, str(path))

    def _add(self, step: int, values: Mapping[str, float]) -> None:
        """Send values of a step, unless the server has them."""
        if step < self._latest:  # the run went back: the server has values of the steps that are made again
            self.flush()
            with self._told():
                again = self._client.get_run(self._id).data.metrics
                self._known = {tag: {s: v for s, v in self._history(tag).items() if s >= step} for tag in again}
        self._latest = step
        for tag, value in values.items():
            if not _NAME.fullmatch(tag) or len(tag) > LONGEST_KEY or "//" in tag or tag.startswith(("/", ".")):
                self._left_out.add(tag)
                continue
            # MLflow cannot keep an infinity, and metrics.jsonl has neither.
            sent = value if math.isfinite(value) else math.nan
            known = self._known.get(tag, {}).pop(step, None)
            if known is not None and not np.array_equal(known, sent, equal_nan=True):
                self._note_repeated(step)
            elif known is not None:
                continue
            self._metrics.append(Metric(tag, sent, int(time.time() * 1000), step))
        if len(self._metrics) >= MOST_AT_ONCE["metrics"]:
            self.flush()

    def _note_repeated(self, step: int) -> None:
        """Say once that the server has two values of a step."""
        if not self._repeats:
            self._repeats = True
            with self._told():
                self._client.set_tag(self._id, REPEATED_TAG, str(step))
            self._say(
                f"logger mlflow: from step {step} on there are values of an earlier attempt, which MLflow cannot "
                "forget; the newest of a step is the one that metrics.jsonl has"
            )

    def _note_more(self) -> None:
        """Say if the server has values of steps that the run took back, and did not make again."""
        more = [f"{tag} of step {step}" for tag, values in self._known.items() for step in values]
        if more:
            listed = ", ".join(more[:MOST_NAMED]) + (f" and {len(more) - MOST_NAMED} more" * (len(more) > MOST_NAMED))
            self._client.set_tag(self._id, TAKEN_BACK_TAG, listed)
            self._say(f"logger mlflow: MLflow cannot forget what the run took back: {listed}")

    def _send(self) -> None:
        most = MOST_AT_ONCE["metrics"]
        while self._metrics:
            self._client.log_batch(self._id, metrics=self._metrics[:most])
            del self._metrics[:most]

    def _send_params(self, config: Mapping[str, Any], known: Mapping[str, str]) -> None:
        """Send the configuration. MLflow never changes a parameter, so that a longer training is noted as a tag."""
        texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
        fits = {
            key: text
            for key, text in texts.items()
            if _NAME.fullmatch(key) and len(key) <= LONGEST_KEY and len(text) <= LONGEST_VALUE
        }
        self._left_out |= texts.keys() - fits.keys()
        new = [Param(key, text) for key, text in fits.items() if key not in known]
        most = MOST_AT_ONCE["params"]
        for first in range(0, len(new), most):
            self._client.log_batch(self._id, params=new[first : first + most])
        changed = [
            RunTag(f"{CHANGED_TAG}{key}", text) for key, text in fits.items() if key in known and known[key] != text
        ]
        if changed:
            self._client.log_batch(self._id, tags=changed[:most])

    def _history(self, tag: str) -> dict[int, float]:
        """The values of a metric that the server has; of a step that it has twice, the newest."""
        history = self._client.get_metric_history(self._id, tag)
        return {one.step: one.value for one in sorted(history, key=lambda one: one.timestamp)}

    def _experiment(self, name: str) -> str:
        found = self._client.get_experiment_by_name(name)
        if found is None:
            try:
                return str(self._client.create_experiment(name))
            except RestException:  # another job has made it meanwhile
                found = self._client.get_experiment_by_name(name)
                if found is None:
                    raise
        if found.lifecycle_stage != "active":
            raise ValueError(f"experiment {name!r}: was deleted on {self._address}; restore it there, or take another")
        return str(found.experiment_id)

    def _tags(self, is_test: bool) -> dict[str, str]:
        """What MLflow's page shows of a run besides its figures."""
        manifest = manifest_if_any(self._folder)
        git = manifest.get("git") or {}
        known = {
            "mlflow.source.name": " ".join(map(str, manifest.get("command") or ["exp"])),
            "mlflow.source.type": "LOCAL",
            "mlflow.source.git.commit": git.get("commit"),
            "exp.mode": "test" if is_test else "train",
            "exp.folder": str(self._folder.absolute()),
        }
        with contextlib.suppress(OSError, KeyError):  # a user that the system does not know
            known["mlflow.user"] = getpass.getuser()
        return {key: str(value)[:LONGEST_VALUE] for key, value in known.items() if value}

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Say of a server that does not answer just that."""
        try:
            yield
        except MlflowException as error:
            if isinstance(error, RestException) or "API request to" not in str(error):
                raise
            raise ConnectionError(f"the server {self._address} does not answer") from error


def _tagged(row: Mapping[str, Any]) -> dict[str, float]:
    """The figures of a line of `metrics.jsonl`, by the tags of event files."""
    named = {
        "train/loss" if key == "loss" else key: value for key, value in row.items() if key not in ("step", "epoch")
    }
    return {tag: math.nan if value is None else float(value) for tag, value in named.items()}
