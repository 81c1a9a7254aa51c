"""The network and its optimizer, made from the configuration and built. To be called in the strategy's scope."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from exp.config import Config
from exp.config.target_names import KERAS_APPLICATIONS
from exp.data import Dataset
from exp.data.dataset import Spec, Specs, leaves, tensor_specs
from exp.errors import UserError
from exp.optimizer.by_name import check_made
from exp.run.freeze import freeze
from exp.run.instantiate import check_kind, fault, instantiate
from exp.system.own_code import place_of
from exp.task import Task

if TYPE_CHECKING:
    from exp.optimizer.schedule import RunSchedule


class Network(NamedTuple):
    """What is trained."""

    model: Any
    """A built `keras.Model`; `NamedModels` if there are several."""
    optimizer: Any
    """A built Keras optimizer of its weights; `NamedOptimizers` if there are several."""
    outputs: Any
    """What the model gives for a batch: a `keras.KerasTensor`, or a structure of them; None if there are several."""
    schedule: "RunSchedule | None"
    """The learning rate over the steps of the run; None: the optimizer's own."""


def build_network(
    config: Config, *, dataset: Dataset, task: Task, features: Specs, replicas: int, total_steps: int
) -> Network:
    """A built Keras model, and a built Keras optimizer of its weights.

    Args:
        config: of the run.
        dataset: the data set, for its name and classes.
        task: what the network will be trained for.
        features: what the network gets of an example.
        replicas: on which it will train.
        total_steps: of the run, which a schedule of the learning rate goes over.

    Raises:
        UserError: one of them cannot be made, is not what it should be, or would not train the same in every mode.
    """
    from exp.exec.penalties import keep_penalties_apart

    model, outputs = _model(config, dataset, task, features)
    if config.mode == "train" and not model.trainable_variables:
        raise UserError(f"model={config.model.name}: has nothing to train; every variable is frozen, or there is none")
    schedule = _schedule(config, total_steps)
    optimizer = _optimizer(config, model, replicas, schedule)
    if replicas > 1:
        keep_penalties_apart(model)
    return Network(model, optimizer, outputs, schedule)


def _schedule(config: Config, total_steps: int) -> "RunSchedule | None":
    """The learning rate over the steps of the run, if it changes."""
    asked = config.schedule
    if config.mode != "train" or (asked.name == "constant" and not asked.warmup and config.train.on_nan == "stop"):
        return None
    from exp.optimizer.schedule import RunSchedule

    return RunSchedule(asked, peak=float(config.optimizer.arguments["learning_rate"]), total=total_steps)


def _optimizer(config: Config, model: Any, replicas: int, schedule: "RunSchedule | None") -> Any:
    """A built optimizer; `NamedOptimizers` if there are several models, or if the configuration's target gives several.

    Raises:
        UserError: one of them is not an optimizer, or has the name of nothing that it could train.
    """
    import keras

    from exp.exec.named import NamedModels, NamedOptimizers, parts

    what = f"optimizer={config.optimizer.name}"

    def make() -> Any:
        rate = {} if schedule is None else {"learning_rate": schedule}
        return instantiate("optimizer", config.optimizer, config.trusted_targets, **rate)

    made = make()
    if isinstance(model, NamedModels) and not isinstance(made, Mapping):
        made = {name: make() for name in model.names}  # each model has its own, with the same settings
    for name, one in made.items() if isinstance(made, Mapping) else [("", made)]:
        check_kind(what, one, keras.optimizers.Optimizer, called="a Keras optimizer")
        if name and not isinstance(getattr(model, name, None), keras.Layer):
            raise UserError(f"{what}: gives an optimizer for {name}, and the model has no part that is called so")
    optimizer = NamedOptimizers(made) if isinstance(made, Mapping) else made
    for part, one in parts(model, optimizer).values():
        if config.exec.name == "fit" and config.train.clip_norm is not None:
            one.global_clipnorm = config.train.clip_norm  # the same formula as ours, and there is one replica
        one.build(part.trainable_variables)
        if config.mode == "train":
            check_made(one, replicas=replicas)
    if isinstance(optimizer, NamedOptimizers) and config.mode == "train" and config.task.step is None:
        raise UserError(
            f"task.step=null: several models or optimizers ({', '.join(optimizer.names)}) are trained by a step of "
            "your own; give task.step={_target_: ...}"
        )
    return optimizer


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
    if isinstance(model, Mapping):
        return _several_models(config, model, task), None
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
    problem = task.output_problem(_as_float32(outputs), data=dataset.name)
    if problem:
        raise UserError(f"model={config.model.name}: {problem}")
    return model, _as_float32(outputs)


def _as_float32(outputs: Any) -> Any:
    """Symbolic outputs as the step hands them on: half-precision numbers become float32."""
    import keras
    import tensorflow as tf

    def given(output: Any) -> Any:
        half = isinstance(output, keras.KerasTensor) and output.dtype in ("bfloat16", "float16")
        return keras.KerasTensor(output.shape, dtype="float32") if half else output

    return tf.nest.map_structure(given, outputs)


def _several_models(config: Config, models: Mapping[str, Any], task: Task) -> Any:
    """The models that a factory gives by name, as one.

    Raises:
        UserError: one of them is not a built model, or the task calls a single one.
    """
    from exp.exec.named import NamedModels

    what = f"model={config.model.name}"
    try:
        model = NamedModels(models)
    except UserError as error:
        raise UserError(f"{what}: {error}") from error
    if getattr(task, "measure", None) is None:
        raise UserError(
            f"{what}: gives several models, {', '.join(model.names)}, and task={config.task.short_name} calls one; "
            "take a task of your own, with task.measure"
        )
    freeze(model, config.model.frozen)
    return model


def _described(features: Specs) -> str:
    """Features in words, for a message."""
    if isinstance(features, Spec):
        return f"{'pictures' if len(features.shape) == 3 else 'features'} of shape {features.shape}"
    if isinstance(features, dict):
        return f"features {', '.join(f'{name} of shape {spec.shape}' for name, spec in features.items())}"
    return f"features of shapes {', '.join(str(spec.shape) for spec in leaves(features))}"
