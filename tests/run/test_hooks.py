"""A hook gets what it names, logs under names of its own, and its mistakes have its name."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from exp.run.hooks import HookError, Log, OwnHook
from tests.support import own_hooks


class Logger:
    """Notes what is logged."""

    def __init__(self) -> None:
        self.found: dict[str, Any] = {}

    def summaries(self, step: int, summaries: dict[str, Any]) -> None:
        self.found |= {f"{step} {key}": value for key, value in summaries.items()}


def hook(tf, function, logger) -> OwnHook:
    from exp.exec.own_function import HOOK_GIVEN, OwnFunction

    executor = SimpleNamespace(
        computing=lambda given: lambda *x: np.asarray(given(*map(tf.constant, x))), makes_graph=False
    )
    program = SimpleNamespace(model=lambda pictures, training: pictures[:, 0, :2, 0])
    run: Any = SimpleNamespace(logger=logger, components=SimpleNamespace(executor=executor, program=program))
    return OwnHook(OwnFunction("hooks[0]", function, given=HOOK_GIVEN, weighted=False), every=5, run=run)


def test_a_hook_logs_what_it_likes(tf):
    logger = Logger()
    hook(tf, own_hooks.spread, logger)(5, {"train/loss": 0.5})
    assert logger.found["5 scalar/mine/spread"] == pytest.approx(0.0, abs=1e-6)
    assert logger.found["5 text/mine/words"].item() == b"5: ['train/loss']"
    assert logger.found["5 image/mine/grey"].dtype == np.uint8
    assert logger.found["5 histogram/mine/outputs"].tolist() == pytest.approx([128 / 255] * 4)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (own_hooks.failing, r"^hooks\[0\]: RuntimeError: no more after 5 \(.*own_hooks.py, line \d+, in failing\)$"),
        (own_hooks.taken, r"^hooks\[0\]: ValueError: log\.scalar\('test/accuracy'\): is the name of another figure"),
    ],
)
def test_what_goes_wrong_has_the_name_of_the_hook(tf, function, message):
    with pytest.raises(HookError, match=message):
        hook(tf, function, Logger())(5, {})


def test_a_number_must_be_one():
    with pytest.raises(ValueError, match="cannot reshape"):
        Log(Logger(), 1).scalar("mine", [1.0, 2.0])  # type: ignore[arg-type]
