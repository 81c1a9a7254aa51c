"""A real MLflow server on SQLite, and what it has: asked over its own interface, without MLflow's client.

It lies in a folder beside the environment (`make .venv/.mlflow`), which programs that log to it have on their path.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from tests.support.sweeping import wait_for

MLFLOW = Path(sys.prefix) / "mlflow"
"""Where MLflow is installed."""


class Server:
    """`mlflow server` on this machine, until it is ended."""

    def __init__(self, folder: Path) -> None:
        """Start it, and wait until it answers."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
        command += ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}", "--workers", "1"]
        command += ["--artifacts-destination", str(folder / "artifacts")]
        quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        with (folder / "server.log").open("w") as log:
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                env={**os.environ, **quiet, "PYTHONPATH": str(MLFLOW)},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_for(self._answers, 60)

    @property
    def group(self) -> int:
        """The process group of the server and its workers."""
        return self._process.pid

    def end(self) -> None:
        """Kill it, unless it has been killed."""
        if self._process.poll() is None:
            os.killpg(self.group, signal.SIGKILL)
        self._process.wait()

    def runs(self, experiment: str) -> dict[str, dict[str, Any]]:
        """The runs of an experiment by their names, each with its parameters, metrics and tags as dicts."""
        query = urllib.parse.urlencode({"experiment_name": experiment})
        number = self.get(f"experiments/get-by-name?{query}")["experiment"]["experiment_id"]
        found = self._post("runs/search", {"experiment_ids": [number], "max_results": 100}).get("runs", [])
        assert len({run["info"]["run_name"] for run in found}) == len(found), "two runs have the same name"
        return {run["info"]["run_name"]: {**run["info"], **_as_dicts(run["data"])} for run in found}

    def history(self, run: str, metric: str) -> list[tuple[int, float]]:
        """All values of a metric with their steps, in the order of steps."""
        query = urllib.parse.urlencode({"run_id": run, "metric_key": metric})
        found = self.get(f"metrics/get-history?{query}").get("metrics", [])
        return sorted((int(one["step"]), float(one["value"])) for one in found)

    def newest(self, run: str, metric: str) -> list[tuple[int, float]]:
        """The newest value of each step of a metric."""
        query = urllib.parse.urlencode({"run_id": run, "metric_key": metric})
        found = self.get(f"metrics/get-history?{query}").get("metrics", [])
        by_step = {
            int(one["step"]): float(one["value"]) for one in sorted(found, key=lambda one: int(one["timestamp"]))
        }
        return sorted(by_step.items())

    def artifacts(self, run: str) -> list[str]:
        """The names of a run's files."""
        return sorted(file["path"] for file in self.get(f"artifacts/list?run_id={run}").get("files", []))

    def get(self, path: str) -> Any:
        """An answer of its interface."""
        with urllib.request.urlopen(f"{self.address}/api/2.0/mlflow/{path}", timeout=10) as answer:
            return json.loads(answer.read())

    def _post(self, path: str, content: Any) -> Any:
        return post(self.address, path, content)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.address}/health", timeout=5):
                return True
        except OSError:
            return False


def post(address: str, path: str, content: Any) -> Any:
    """An answer of a server's interface."""
    request = urllib.request.Request(
        f"{address}/api/2.0/mlflow/{path}", json.dumps(content).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read())


def strike(step: int, *, at: int, address: str, seen: int, signal_number: int, group: int | None = None) -> None:
    """A hook: once a server has a step of a run, send a signal; it does so once in a working directory.

    Args:
        step: of the training.
        at: the step at which it happens.
        address: of the server.
        seen: a step that the server has by then.
        signal_number: of the signal.
        group: the process group; None: this process.
    """
    if step != at or Path("struck").exists():
        return
    wait_for(lambda: _has(address, seen), 30)
    Path("struck").touch()
    if group is None:
        os.kill(os.getpid(), signal_number)
    else:
        os.killpg(group, signal_number)


def _has(address: str, step: int) -> bool:
    try:
        running = {
            "experiment_ids": [str(number) for number in range(1, 20)],
            "filter": "attributes.status = 'RUNNING'",
        }
        found = post(address, "runs/search", running)
    except OSError:
        return False
    metrics = [metric for run in found.get("runs", []) for metric in run["data"].get("metrics", [])]
    return any(int(metric.get("step", 0)) >= step for metric in metrics)


def _as_dicts(data: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {kind: {one["key"]: one["value"] for one in data.get(kind, [])} for kind in ("params", "metrics", "tags")}
