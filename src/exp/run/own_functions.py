"""The user's own functions in a step, `task.step` and `task.measure`, found by their names. Imports TensorFlow."""

import inspect
from functools import partial
from typing import NamedTuple

from exp.config import Config
from exp.config.targets import locate
from exp.data import Dataset
from exp.data.dataset import Weighted
from exp.errors import UserError
from exp.exec.own_function import MEASURE_GIVEN, STEP_GIVEN, OwnFunction
from exp.exec.own_measure import OwnMeasure
from exp.exec.own_step import OwnStep
from exp.task import Task


class OwnFunctions(NamedTuple):
    """The user's own functions; each may be missing."""

    step: OwnStep | None
    measure: OwnMeasure | None


def own_functions(config: Config, task: Task, dataset: Dataset) -> OwnFunctions:
    """Find the functions that a configuration names.

    Raises:
        UserError: one of them is not trusted, is not there, or takes what nothing gives.
    """
    weighted = isinstance(dataset.targets, Weighted)
    asked, step, measure = config.task.step, None, None
    if asked is not None and config.mode == "train":
        found = locate("task.step", asked.name, trusted=config.trusted_targets)
        if inspect.isclass(found):
            raise UserError(f"task.step._target_={asked.name}: is a class, and must be a function")
        function = partial(found, **asked.arguments)
        step = OwnStep(
            OwnFunction(f"task.step._target_={asked.name}", function, given=STEP_GIVEN, weighted=weighted),
            seed=config.seed,
        )
    measured = getattr(task, "measure", None)
    if measured is not None:
        own = OwnFunction("task.measure", measured, given=MEASURE_GIVEN, weighted=weighted)
        measure = OwnMeasure(own, names=list(task.metrics), seed=config.seed)
        if config.mode == "train" and step is None:
            raise UserError(
                "task.step=null: what task.measure measures is trained by a step of your own; give "
                "task.step={_target_: ...}"
            )
    return OwnFunctions(step, measure)
