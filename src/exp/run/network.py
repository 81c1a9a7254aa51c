"""The network and its optimizer, made from the configuration and built. To be called in the strategy's scope."""

from typing import Any, NamedTuple

from exp.config import Config
from exp.config.targets import KERAS_APPLICATIONS
from exp.data import Dataset
from exp.data.dataset import Spec, Specs, leaves, tensor_specs
from exp.errors import UserError
from exp.optimizer.by_name import check_made
from exp.run.freeze import freeze
from exp.run.instantiate import check_kind, fault, instantiate
from exp.system.own_code import place_of
from exp.task import Task


class Network(NamedTuple):
    """What is trained."""

    model: Any
    """A built `keras.Model`."""
    optimizer: Any
    """A built Keras optimizer of its weights."""
    outputs: Any
    """What the model gives for a batch: a `keras.KerasTensor`, or a structure of them."""


def build_network(config: Config, *, dataset: Dataset, task: Task, features: Specs, replicas: int) -> Network:
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

    model, outputs = _model(config, dataset, task, features)
    if config.mode == "train" and not model.trainable_variables:
        raise UserError(f"model={config.model.name}: has nothing to train; every variable is frozen, or there is none")
    optimizer = instantiate("optimizer", config.optimizer, config.trusted_targets)
    check_kind(f"optimizer={config.optimizer.name}", optimizer, keras.optimizers.Optimizer, called="a Keras optimizer")
    optimizer.build(model.trainable_variables)
    if replicas > 1:
        keep_penalties_apart(model)
    if config.mode == "train":
        check_made(optimizer, replicas=replicas)
    return Network(model, optimizer, outputs)


def _model(config: Config, dataset: Dataset, task: Task, features: Specs) -> tuple[Any, Any]:
    """A built model, and its symbolic outputs."""
    import keras
    import tensorflow as tf

    inputs = tensor_specs(features, scaled=True)
    targets = tensor_specs(dataset.wanted(features), scaled=True)
    known = {"classes": dataset.classes, "inputs": inputs, "targets": targets}
    if isinstance(features, Spec):
        known["input_shape"] = features.shape
    if config.model.name.startswith(KERAS_APPLICATIONS):
        # Keras would download weights, and end with probabilities; a task takes logits.
        unasked = {"weights": None, "classifier_activation": None}
        known |= {name: value for name, value in unasked.items() if name not in config.model.arguments}
    model = instantiate("model", config.model, config.trusted_targets, **known)
    check_kind(f"model={config.model.name}", model, keras.Model, called="a keras.Model")
    try:
        if isinstance(features, Spec) and type(model).build is not keras.Model.build:
            model.build((None, *features.shape))
        # A class without a `build` of its own makes its variables when it is called.
        outputs = model(
            tf.nest.map_structure(lambda spec: keras.KerasTensor((None, *spec.shape), dtype=spec.dtype.name), inputs)
        )
    except Exception as error:
        if not isinstance(error, ValueError) and place_of(error) is None:
            raise
        raise fault(f"model={config.model.name}: cannot take {_described(features)}", error) from error
    freeze(model, config.model.frozen)
    problem = task.output_problem(outputs, data=dataset.name)
    if problem:
        raise UserError(f"model={config.model.name}: {problem}")
    return model, outputs


def _described(features: Specs) -> str:
    """Features in words, for a message."""
    if isinstance(features, Spec):
        return f"{'pictures' if len(features.shape) == 3 else 'features'} of shape {features.shape}"
    if isinstance(features, dict):
        return f"features {', '.join(f'{name} of shape {spec.shape}' for name, spec in features.items())}"
    return f"features of shapes {', '.join(str(spec.shape) for spec in leaves(features))}"
