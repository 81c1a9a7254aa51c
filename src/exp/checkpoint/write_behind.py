"""Writing in the background: one thread, which writes saves that follow each other quickly in one turn."""

import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event, Lock
from typing import Any

from exp.checkpoint.run_state import RunState

GAP = 1.0
"""Seconds from one turn of writing to the next if saves may be held back: what a killed process can lose."""


@dataclass(frozen=True)
class Save:
    """A checkpoint that is to be written."""

    step: int
    examples: int
    metrics: Mapping[str, float]
    state: RunState
    values: list[Any]
    """The values of all variables, as arrays or tensors."""


class WriteBehind:
    """Hands saves to a thread, in order. Only one thread, the one that trains, may call its methods."""

    def __init__(self, write: Callable[[list[Save]], None]) -> None:
        """Make the thread; it calls `write(saves)` when it is time to write."""
        self._write = write
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._lock = Lock()
        self._held: list[Save] = []
        """The saves that the next turn writes."""
        self._at_once = Event()
        self._turn: Future[None] | None = None
        self._turn_ended = float("-inf")

    def make_room(self) -> None:
        """Wait while a turn is writing: a slow disk slows the training rather than filling the memory.

        Raises:
            Exception: what writing raised.
        """
        with self._lock:
            begun = not self._held
        if begun:
            self.wait()

    def put(self, save: Save, *, hold: bool, wanted: Collection[int]) -> None:
        """Have a save written.

        Args:
            save: the checkpoint.
            hold: whether it may wait until the last turn is `GAP` seconds ago.
            wanted: the steps whose checkpoints are to stay; held saves of others are dropped, unwritten.

        Raises:
            Exception: what writing raised.
        """
        with self._lock:
            # A turn that has not begun still holds saves, and this one joins them.
            joined = bool(self._held)
            if joined:
                self._held = [*(held for held in self._held if held.step in wanted), save]
        if not joined:
            self.wait()
            self._held = [save]
            self._at_once.clear()
            self._turn = self._pool.submit(self._take_turn)
        if not hold:
            self._at_once.set()

    def check(self) -> None:
        """Raise what went wrong in the background, if that is known already."""
        if self._turn is not None and self._turn.done():
            self.wait()

    def wait(self) -> None:
        """Have everything written now, and wait until it is; raise what went wrong."""
        if self._turn is not None:
            self._at_once.set()
            turn, self._turn = self._turn, None
            turn.result()

    def close(self) -> None:
        """Have everything written, whatever goes wrong; nothing can be put afterwards."""
        self._at_once.set()
        self._pool.shutdown(wait=True)

    def _take_turn(self) -> None:
        self._at_once.wait(max(0.0, self._turn_ended + GAP - time.monotonic()))
        with self._lock:
            saves, self._held = self._held, []
        try:
            self._write(saves)
        finally:
            self._turn_ended = time.monotonic()
