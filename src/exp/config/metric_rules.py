"""Which metrics a run will have, as far as its configuration tells; and what may name one of them."""

import difflib
import sys
from collections.abc import Sequence

from exp.config.schema import Config
from exp.config.target_names import OWN_PREFIXES
from exp.config.targets import Target, locate
from exp.errors import UserError, excerpt
from exp.terminal.words import is_plain_name


def metric_names(task: Target) -> list[str] | None:
    """The names of a task's metrics, without TensorFlow; None if the task is the user's own."""
    if not task.name.startswith(OWN_PREFIXES):
        return None
    function = locate("task", task.name, trusted=())
    names: list[str] = sys.modules[function.__module__].metric_names(**task.arguments)
    return names


NEEDS_VALIDATION = "data.validation=0.1 sets a tenth of the training examples apart"
"""The way out if there is no validation split."""


def check_metric(
    key: str, value: str, config: Config, *, splits: Sequence[str] = ("validation", "test"), others: Sequence[str] = ()
) -> None:
    """Refuse a metric that the run will not have.

    Args:
        key: that names the metric.
        value: such as validation/accuracy.
        config: of the run.
        splits: that the metric may be of.
        others: further figures that the key may name.

    Raises:
        UserError: it names what the run will have.
    """
    if value.startswith("validation/") and "validation" in splits and config.data.validation is None:
        raise UserError(f"{key}={excerpt(value)}: there is no validation split; {NEEDS_VALIDATION}")
    names = metric_names(config.task)
    if names is None and value.partition("/")[0] in splits:
        return  # a task of the user's own names its metrics once it is made
    names = names or []
    there = [split for split in splits if split != "validation" or config.data.validation is not None]
    known = [*(f"{split}/{name}" for split in there for name in (*names, "loss")), *others]
    if value not in known:
        near = difflib.get_close_matches(value, known, n=1)
        meant = f"; did you mean {key}={near[0]}?" if near else ""
        raise UserError(f"{key}={excerpt(value)}: must be one of {', '.join(known)}{meant}")


def check_choosing(config: Config) -> None:
    """Refuse keys that choose by what the run will not have.

    Raises:
        UserError: naming the key, and what would be right.
    """
    train, best = config.train, config.checkpoint.best
    if config.data.validation is None:
        for key, value in (("validate_every", train.validate_every), ("patience", train.patience)):
            if value is not None:
                raise UserError(f"train.{key}={value}: there is no validation split; {NEEDS_VALIDATION}")
    if train.min_delta and train.patience is None:
        raise UserError(f"train.min_delta={train.min_delta}: goes with train.patience, which is null")
    if config.data.validation is not None:
        check_metric("train.monitor", train.monitor, config, splits=["validation"])
    if best is not None:
        check_metric("checkpoint.best", best, config, others=["train/loss"])


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
