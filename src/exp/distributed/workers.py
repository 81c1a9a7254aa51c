"""The workers of a run once they have met: they notice a loss, stop together, and send their log to the chief."""

import contextlib
import logging
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from exp.distributed.channel import Channel
from exp.distributed.cluster import Cluster
from exp.distributed.stop import AgreedStop, Stop
from exp.errors import WorkerLost
from exp.system.signals import Stopped, StopRequest, insist_on_handlers
from exp.terminal.words import counted

log = logging.getLogger("exp")

_SECONDS_TO_NOTICE = 3.0
"""Seconds to wait for the news of a lost worker, because the error that it causes in TensorFlow can come first."""


class Workers:
    """A `Group` of several, by its connections: those of the chief to all, that of a follower to the chief.

    A worker that ends, or is silent for half of the cluster's timeout, ends the run: collective operations that wait
    for it are aborted, and where that does not help, this process ends itself in time.
    """

    def __init__(self, cluster: Cluster, channels: Mapping[int, Channel], folder: Path) -> None:
        self.cluster = cluster
        self.folder = folder
        """The run folder, which the chief chose."""
        self.how_ended: Callable[[int], str] = lambda index: "is gone"
        """Tells how a worker's process ended, as far as that is known."""
        self.say: Callable[[str], None] = log.warning
        """Shows the person a line that another worker logged."""
        self._channels = dict(channels)
        self._silence = cluster.timeout / 2
        self._lost: str | None = None
        self._noticed, self._over = threading.Event(), threading.Event()
        self._abort: Callable[[str], None] | None = None
        self._asked: int | None = None
        self._number = 0
        self._news: queue.Queue[tuple[int, dict[str, Any]]] = queue.Queue()
        self._ended: set[int] = set()
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        """Number of workers."""
        return self.cluster.size

    @property
    def index(self) -> int:
        """The number of this worker."""
        return self.cluster.index

    @property
    def is_chief(self) -> bool:
        """Whether this worker writes the run folder."""
        return self.cluster.is_chief

    @property
    def is_whole(self) -> bool:
        """Whether no worker was lost."""
        return self._lost is None

    def watch(self) -> None:
        """Begin to listen to the others, and to send them signs of life."""
        self._threads = [
            threading.Thread(target=self._listen, args=pair, daemon=True) for pair in self._channels.items()
        ]
        for thread in [*self._threads, threading.Thread(target=self._beat, daemon=True)]:
            thread.start()

    def abort_by(self, abort: Callable[[str], None]) -> None:
        """Name what makes TensorFlow stop waiting for a worker that is lost; it gets the reason."""
        with self._lock:
            self._abort = abort
        if self._lost:
            abort(self._lost)

    def keep_signals(self) -> None:
        """Install the handlers of the run once more: TensorFlow has put its own in their place."""
        insist_on_handlers()

    def agree(self, signal: int | None) -> int | None:
        """The signal that all workers stop for, or None; every worker gets the same answer to its n-th call.

        The chief answers at once; it cannot be a step ahead of the others, nor they of it.

        Args:
            signal: the signal that this worker was sent, if any.

        Raises:
            WorkerLost: another worker is gone.
        """
        self._number += 1
        if self.is_chief:
            agreed = signal if signal is not None else self._asked
            self._tell_all("go", number=self._number, signal=agreed)
            return agreed
        if signal is not None and self._asked is None:
            self._asked = signal
            self._tell_all("stop", signal=signal)
        told: int | None = self._next("go")[1]["signal"]
        return told

    def stop(self, request: StopRequest) -> Stop:
        """A stop that all workers make at the same call."""
        return AgreedStop(request, self.agree)

    def same(self, what: str, facts: Callable[[], Mapping[str, Any]]) -> None:
        """Wait for all workers to come here, and make sure that they bring the same.

        Raises:
            WorkerLost: another worker is gone, or brings something else.
        """
        own = dict(facts())
        if not self.is_chief:
            self._tell_all("same", what=what, facts=own)
            self._next("go")
            return
        for _ in self._channels:
            index, message = self._next("same")
            if message["what"] != what or message["facts"] != own:
                raise WorkerLost(
                    f"{self.cluster.name(index)} has other values: {what} {message['facts']} there, {own} here"
                )
        self._tell_all("go")

    def wait_for_chief(self) -> None:
        """Let the chief do first what all are about to do, such as making files that all then read.

        Raises:
            WorkerLost: another worker is gone.
            Stopped: a signal has asked the chief to stop meanwhile.
        """
        if not self.is_chief:
            self._next("go")

    def chief_done(self) -> None:
        """Let the others continue after `wait_for_chief`."""
        if self.is_chief:
            self._tell_all("go")

    def all_stopped(self, signal: int | None) -> int | None:
        """Stop all workers before training, as the chief does; returns the signal that it was sent."""
        if self.is_chief:
            self._tell_all("stopped", signal=signal)
            return signal
        return self._asked

    def report(self, level: int, text: str) -> None:
        """Have the chief log and show a line of this follower."""
        self._tell_all("log", level=level, text=text)

    def loss_behind(self, error: BaseException) -> str | None:
        """The loss of a worker that caused an error; None if none did."""
        if isinstance(error, WorkerLost):
            return str(error)
        if any(kind.__module__.startswith("tensorflow") for kind in type(error).__mro__):
            self._noticed.wait(_SECONDS_TO_NOTICE)
        return self._lost

    def close(self, error: str | None = None) -> None:
        """Leave the group: tell the others the error, if there was one; else wait until they leave too.

        The chief goes last: TensorFlow's servers need its own for as long as they run.
        """
        if error is not None:
            self._tell_all("failed", why=error)
        elif self._lost is None:
            self._tell_all("end")
            if self.is_chief:
                deadline = time.monotonic() + self._silence
                for thread in self._threads:
                    thread.join(max(0.0, deadline - time.monotonic()))
        self._over.set()
        for channel in self._channels.values():
            channel.close()

    def _tell_all(self, kind: str, **content: Any) -> None:
        for channel in self._channels.values():
            channel.try_to_send(kind, **content)

    def _next(self, kind: str) -> tuple[int, dict[str, Any]]:
        index, message = self._news.get() if self._lost is None else (0, {"kind": "lost"})
        if message["kind"] == "lost":
            raise WorkerLost(str(self._lost))
        if message["kind"] == "stopped":
            raise Stopped
        assert message["kind"] == kind, f"{message['kind']} came, and {kind} was expected"
        return index, message

    def _listen(self, index: int, channel: Channel) -> None:
        reason = None
        try:
            while message := channel.receive(self._silence):
                if message["kind"] == "failed":
                    reason = f"failed: {message['why']}"
                    break
                self._hear(index, message)
        except TimeoutError:
            reason = f"was not heard from for {counted(round(self._silence), 'second')}"
        except (OSError, ValueError, KeyError):
            pass
        if index not in self._ended and not self._over.is_set():
            self._lose(f"{self.cluster.name(index)} {reason or self.how_ended(index)}")

    def _hear(self, index: int, message: dict[str, Any]) -> None:
        kind = message["kind"]
        if kind in ("go", "same"):
            self._news.put((index, message))
        elif kind == "stopped":
            self._asked = int(message["signal"])
            self._news.put((index, message))
        elif kind == "stop":
            self._asked = self._asked or int(message["signal"])
        elif kind == "log":
            show = self.say if message["level"] >= logging.WARNING else log.info
            for line in str(message["text"]).splitlines():
                show(f"worker {index}: {line}")
        elif kind == "end":
            self._ended.add(index)
        elif kind == "lost":
            self._lose(str(message["why"]))

    def _beat(self) -> None:
        while not self._over.wait(self._silence / 5):
            self._tell_all("beat")

    def _lose(self, what: str) -> None:
        with self._lock:
            if self._lost is not None:
                return
            self._lost, abort = what, self._abort
        if self.is_chief:
            self._tell_all("lost", why=what)
        self._noticed.set()
        self._news.put((0, {"kind": "lost"}))
        threading.Thread(target=self._end_in_time, daemon=True).start()
        if abort is not None:
            abort(what)

    def _end_in_time(self) -> None:
        """End this process, as a kill would, if it still waits in native code for what will not come."""
        if not self._over.wait(self.cluster.timeout / 4):
            log.error("the run failed: %s", self._lost)
            with contextlib.suppress(OSError, ValueError):
                print(f"the run failed: {self._lost}", file=sys.stderr, flush=True)
            os._exit(1)
