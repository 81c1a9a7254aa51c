"""How `benchmarks/gpu.py` measures one case: all contestants make themselves ready, and then take turns."""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from benchmarks.gpu_process import Contestant, ContestantError
from benchmarks.gpu_report import Case
from benchmarks.gpu_work import Work

START_SECONDS = 120
"""Within which a contestant has imported what it needs."""


@dataclass(frozen=True)
class Pace:
    """How long everything may take."""

    rounds: int
    turn: float
    """Seconds of a turn, more or less."""
    build: float
    """Seconds within which a contestant must be ready to train, or is left out of the case."""
    at_once: int
    """How many make themselves ready at once. XLA and cuDNN try algorithms out meanwhile, and disturb each other."""
    matmul: int
    """Rows of the matrices by which the card is measured."""
    total: float
    """Seconds after which nothing new begins."""


FULL = Pace(rounds=5, turn=2.0, build=300, at_once=1, matmul=8192, total=3600)
QUICK = Pace(rounds=3, turn=0.35, build=70, at_once=16, matmul=8192, total=235)
SMOKE_PACE = Pace(rounds=2, turn=0.0, build=300, at_once=1, matmul=128, total=3600)


def measure(case: Case, work: Work, contestants: Mapping[str, Contestant], pace: Pace, ends: float) -> None:
    """Fill a case with milliseconds a step, round by round, and with the reasons of those that failed.

    Args:
        case: is filled.
        work: what is trained.
        contestants: by name.
        pace: how long it may take.
        ends: the time, as `time.monotonic` has it, after which no round begins.
    """
    case.failed.update(_build(work, contestants, pace, ends))
    ready = [name for name in contestants if name not in case.failed]
    steps: dict[str, int] = {}

    def turn(name: str, count: int) -> float | None:
        """Seconds of a step; None if it failed."""
        try:
            answer = contestants[name].ask({"steps": count}, pace.build)
        except ContestantError as error:
            case.failed[name] = str(error)
            return None
        return float(answer["seconds"]) / int(answer["steps"])

    for name in ready:
        took = turn(name, work.first)
        if took is not None:
            steps[name] = max(work.first, round(pace.turn / took))
    for number in range(pace.rounds):
        if time.monotonic() > ends:
            break
        place = number * len(ready) // pace.rounds  # each round begins with another one
        for name in [*ready[place:], *ready[:place]]:
            seconds = None if name in case.failed else turn(name, steps[name])
            if seconds is not None:
                case.milliseconds.setdefault(name, []).append(seconds * 1000)


def _build(work: Work, contestants: Mapping[str, Contestant], pace: Pace, ends: float) -> dict[str, str]:
    """Have all make themselves ready, some at once; returns the reason of each that cannot."""
    failed, names = {}, list(contestants)
    request = {"build": asdict(work), "steps": work.first}
    for begin in range(0, len(names), pace.at_once):
        asked = []
        for name in names[begin : begin + pace.at_once]:
            try:
                contestants[name].wait_until_started(START_SECONDS)
                contestants[name].send(request)
                asked.append(name)
            except ContestantError as error:
                failed[name] = str(error)
        now = time.monotonic()
        until = now + max(10.0, min(pace.build, ends - now))
        for name in asked:
            try:
                contestants[name].answer(until - time.monotonic())
            except ContestantError as error:
                failed[name] = str(error)
    return failed
