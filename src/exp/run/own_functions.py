"""The user's own functions, `task.step`, `task.measure` and `hooks`, found by their names. Imports TensorFlow."""

import inspect
from functools import partial
from typing import NamedTuple

from exp.config import Config, Target
from exp.config.targets import locate
from exp.data import Dataset
from exp.data.split import Weighted
from exp.errors import UserError
from exp.exec.own_function import HOOK_GIVEN, MEASURE_GIVEN, STEP_GIVEN, OwnFunction
from exp.exec.own_measure import OwnMeasure
from exp.exec.own_step import OwnStep
from exp.task import Task


class OwnFunctions(NamedTuple):
    """The user's own functions; each may be missing."""

    step: OwnStep | None
    measure: OwnMeasure | None
    hooks: tuple[OwnFunction, ...]
    """In the order of the configuration."""


def own_functions(config: Config, task: Task, dataset: Dataset) -> OwnFunctions:
    """Find the functions that a configuration names.

    Raises:
        UserError: one of them is not trusted, is not there, or takes what nothing gives.
    """
    weighted = isinstance(dataset.targets, Weighted)
    asked, step, measure, seed = config.task.step, None, None, config.seed_of("augment")
    if asked is not None and config.mode == "train":
        step = OwnStep(_function("task.step", asked, config, given=STEP_GIVEN, weighted=weighted), seed=seed)
    measured = getattr(task, "measure", None)
    if measured is not None:
        own = OwnFunction("task.measure", measured, given=MEASURE_GIVEN, weighted=weighted)
        measure = OwnMeasure(own, names=list(task.metrics), seed=seed)
        if config.mode == "train" and step is None:
            raise UserError(
                "task.step=null: what task.measure measures is trained by a step of your own; give "
                "task.step={_target_: ...}"
            )
    hooks = [_function(f"hooks[{n}]", hook, config, given=HOOK_GIVEN) for n, hook in enumerate(config.hooks)]
    return OwnFunctions(step, measure, tuple(hooks))


def _function(
    path: str, asked: Target, config: Config, *, given: tuple[str, ...], weighted: bool = False
) -> OwnFunction:
    key = f"{path}._target_={asked.name}"
    found = locate(path, asked.name, trusted=config.trusted_targets)
    if inspect.isclass(found):
        raise UserError(f"{key}: is a class, and must be a function")
    return OwnFunction(key, partial(found, **asked.arguments), given=given, weighted=weighted)
