"""The network and its optimizer, made from the configuration and built. To be called in the strategy's scope."""

from typing import Any

from exp.config import Config
from exp.data import Dataset
from exp.data.dataset import Spec, Specs
from exp.errors import UserError
from exp.optimizer.by_name import check_made
from exp.run.instantiate import check_kind, fault, instantiate
from exp.system.own_code import place_of
from exp.task import Task


def build_network(config: Config, *, dataset: Dataset, task: Task, features: Specs, replicas: int) -> tuple[Any, Any]:
    """A built Keras model, and a built Keras optimizer of its weights.

    Args:
        config: of the run.
        dataset: the data set, for its name and classes.
        task: what the network will be trained for.
        features: what the network gets of an example.
        replicas: on which it will train.

    Raises:
        UserError: one of them cannot be made, is not what it should be, or would not train the same in every mode.
    """
    import keras

    from exp.exec.penalties import keep_penalties_apart

    model = _model(config, dataset, task, features)
    if config.mode == "train" and not model.trainable_variables:
        raise UserError(f"model={config.model.name}: has nothing to train; every variable is frozen, or there is none")
    optimizer = instantiate("optimizer", config.optimizer, config.trusted_targets)
    check_kind(f"optimizer={config.optimizer.name}", optimizer, keras.optimizers.Optimizer, called="a Keras optimizer")
    optimizer.build(model.trainable_variables)
    if replicas > 1:
        keep_penalties_apart(model)
    if config.mode == "train":
        check_made(optimizer, replicas=replicas)
    return model, optimizer


def _model(config: Config, dataset: Dataset, task: Task, features: Specs) -> Any:
    import keras

    assert isinstance(features, Spec)  # a model's factory gets the shape of one array so far
    shape = features.shape
    model = instantiate("model", config.model, config.trusted_targets, input_shape=shape, classes=dataset.classes)
    check_kind(f"model={config.model.name}", model, keras.Model, called="a keras.Model")
    try:
        if type(model).build is not keras.Model.build:
            model.build((None, *shape))
        # A class without a `build` of its own makes its variables when it is called.
        output = model(keras.KerasTensor((None, *shape), dtype=_type_for_model(features)))
    except Exception as error:
        if not isinstance(error, ValueError) and place_of(error) is None:
            raise
        raise fault(f"model={config.model.name}: cannot take pictures of shape {shape}", error) from error
    problem = task.output_problem(output, data=dataset.name)
    if problem:
        raise UserError(f"model={config.model.name}: {problem}")
    return model


def _type_for_model(features: Spec) -> str:
    """The type that features have after `exp.exec.step.scaled`."""
    return "float32" if features.dtype == "uint8" else features.dtype
