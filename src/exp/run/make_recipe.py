"""What a training step does with its gradients, as the configuration asks for it. Imports TensorFlow."""

from typing import Any

from exp.config import Config
from exp.exec.averages import Averages
from exp.exec.loss_scale import LossScale
from exp.exec.recipe import Recipe
from exp.loggers import collect


def make_recipe(config: Config, model: Any, strategy: Any) -> Recipe:
    """The recipe of a run; a test needs the averages alone, because it evaluates by them.

    To be called in the executor's scope.

    Args:
        config: of the run.
        model: built, and as it will be trained.
        strategy: whose replicas hold the weights.
    """
    train = config.train
    averages = None
    if train.ema is not None:
        averages = Averages(model.trainable_variables, decay=train.ema, strategy=strategy)
    if config.mode != "train" or config.exec.name == "fit":
        return Recipe(averages=averages)
    scaled = train.precision == "mixed_float16"
    return Recipe(
        accumulate=train.accumulate,
        quiet=collect.collected,
        clip_norm=train.clip_norm,
        shows_norm=train.clip_norm is not None or config.summary.gradient_norm,
        averages=averages,
        loss_scale=LossScale(strategy=strategy) if scaled else None,
    )
