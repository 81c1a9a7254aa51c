"""Which metrics a run will have, as far as its configuration tells; and what may name one of them."""

import difflib
import sys
from collections.abc import Sequence

from exp.config.schema import Config
from exp.config.targets import OWN_PREFIXES, Target, locate
from exp.errors import UserError, excerpt
from exp.terminal.words import is_plain_name


def metric_names(task: Target) -> list[str] | None:
    """The names of a task's metrics, without TensorFlow; None if the task is the user's own."""
    if not task.name.startswith(OWN_PREFIXES):
        return None
    function = locate("task", task.name, trusted=())
    names: list[str] = sys.modules[function.__module__].metric_names(**task.arguments)
    return names


def check_metric(key: str, value: str, config: Config, *, others: Sequence[str] = ()) -> None:
    """Refuse a metric that the run will not have.

    Args:
        key: that names the metric.
        value: such as test/accuracy.
        config: of the run.
        others: further figures that the key may name.

    Raises:
        UserError: it names what the run will have.
    """
    names = metric_names(config.task)
    if names is None:
        return
    known = [*(f"test/{name}" for name in names), "test/loss", "train/loss", *others]
    if value not in known:
        near = difflib.get_close_matches(value, known, n=1)
        meant = f"; did you mean {key}={near[0]}?" if near else ""
        raise UserError(f"{key}={excerpt(value)}: must be one of {', '.join(known)}{meant}")


def check_metric_names(config: Config) -> None:
    """Refuse names that two metrics have, or that are taken.

    Raises:
        UserError: naming the first of them.
    """
    names = metric_names(config.task) or []
    taken = ["loss", "examples"]
    for name in names:
        if name in taken or not is_plain_name(name):
            raise UserError(
                f"task.metrics.{name}: must be a name of its own, of letters, digits, - and _; taken are "
                f"{', '.join(taken)}"
            )
        taken.append(name)
