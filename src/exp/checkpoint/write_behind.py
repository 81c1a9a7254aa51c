"""Writing in the background: one thread, which takes turns, and passes over saves that would be removed again."""

import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from threading import Event, Lock
from typing import Any

from exp.checkpoint.run_state import RunState

SHARE = 1 / 25
"""The share of the time that writing takes, at most, if saves may be held back."""
SHORTEST_GAP, LONGEST_GAP = 1.0, 10.0
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
    """Hands saves to a thread, in order. Only one thread, the one that trains, may call its methods.

    A turn writes the newest save that is held back. The older ones stay held: they are dropped if they need not stay by
    the time of the next, and written if everything is to be written, so that none is missing in the end.
    """

    def __init__(self, write: Callable[[list[Save]], None]) -> None:
        """Make the thread; it calls `write(saves)` when it is time to write."""
        self._write = write
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._lock = Lock()
        self._held: list[Save] = []
        """The saves that are not written yet."""
        self._is_due = False
        """Whether a turn will take some of them."""
        self._everything = Event()
        """Set if that turn is to take all of them, and at once."""
        self._turns: list[Future[None]] = []
        """The turns whose outcome nobody has seen."""
        self._turn_ended = float("-inf")
        self._gap = SHORTEST_GAP

    def put(self, save: Save, *, hold: bool, wanted: Collection[int]) -> None:
        """Have a save written.

        Args:
            save: the checkpoint.
            hold: whether it may wait for the next turn.
            wanted: the steps whose checkpoints are to stay; held saves of others are dropped, unwritten.
        """
        with self._lock:
            self._held = [*(held for held in self._held if held.step in wanted), save]
        self._take_turns(everything=not hold)

    def check(self) -> None:
        """Raise what went wrong in the background, if that is known already."""
        done = [turn for turn in self._turns if turn.done()]
        self._turns = [turn for turn in self._turns if turn not in done]
        for turn in done:
            turn.result()

    def wait(self) -> None:
        """Have everything written now, and wait until it is; raise what went wrong."""
        self._take_turns(everything=True)
        turns, self._turns = self._turns, []
        wait(turns)
        for turn in turns:
            turn.result()

    def close(self) -> None:
        """Have everything written, whatever goes wrong; nothing can be put afterwards."""
        self._take_turns(everything=True)
        self._pool.shutdown(wait=True)

    def _take_turns(self, *, everything: bool) -> None:
        """Make sure that there will be a turn for the saves that are held."""
        with self._lock:
            if not self._held:
                return
            begins, self._is_due = not self._is_due, True
            if everything:
                self._everything.set()
        if begins:
            self._turns.append(self._pool.submit(self._take_turn))

    def _take_turn(self) -> None:
        self._everything.wait(max(0.0, self._turn_ended + self._gap - time.monotonic()))
        with self._lock:
            self._is_due = False
            first = 0 if self._everything.is_set() else len(self._held) - 1
            self._held, saves = self._held[:first], self._held[first:]
            self._everything.clear()
        started = time.monotonic()
        try:
            self._write(saves)
        finally:
            self._turn_ended = time.monotonic()
            self._gap = min(max((self._turn_ended - started) / SHARE, SHORTEST_GAP), LONGEST_GAP)
