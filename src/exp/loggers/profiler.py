"""`exec.profile=FIRST,LAST`: a trace of some steps by TensorFlow's profiler, for TensorBoard's Profile tab."""

from pathlib import Path

import tensorflow as tf


class Profiler:
    """Writes `plugins/profile/TIME/` in a run's folder."""

    def __init__(self, folder: Path, *, first: int, last: int) -> None:
        """Trace the steps from `first` to `last`, both included."""
        self._folder, self.first, self.last = folder, first, last
        self._running = False
        self.note: str | None = None
        """A sentence on what was traced, once that is over; None before."""

    def after(self, step: int) -> None:
        """Begin or end the trace if that is due after `step` steps."""
        if self.note is None and not self._running and self.first - 1 <= step < self.last:
            self._begun = step + 1
            tf.profiler.experimental.start(str(self._folder))
            self._running = True
        elif self._running and step >= self.last:
            self.end(step)

    def end(self, step: int) -> None:
        """Write what was traced; training ended after `step` steps."""
        if self._running:
            self._running = False
            tf.profiler.experimental.stop()
            self.note = f"profiled steps {self._begun} to {step}: {self._folder}/plugins/profile"
        elif self.note is None:
            self.note = f"exec.profile={self.first},{self.last}: training ended after step {step}, before it began"
