"""A warning for each requested feature that the mode, or training on several replicas, lacks."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from exp.config import Config, Exec

if TYPE_CHECKING:
    from exp.exec import Executor


def is_deterministic(asked: Exec, devices: Sequence[str]) -> bool:
    """Whether TensorFlow is told to take operations whose results do not depend on timing.

    On a CPU they do not depend on it anyway. On a GPU a run that is resumed, or made again, would differ in last bits.

    Args:
        asked: what the configuration says.
        devices: the devices that train, such as GPU:0.
    """
    on_gpu = any("GPU" in name for name in devices)
    return asked.deterministic is True or (asked.deterministic == "auto" and on_gpu)


def limits(config: Config, executor: "Executor", model: Any, own: Sequence[str], devices: Sequence[str]) -> list[str]:
    """The warnings for a run, a sentence each.

    Args:
        config: the configuration of the run.
        executor: what runs its steps.
        model: the built model.
        own: keys of what the model logs by `exp.loggers.collect`.
        devices: those that train, such as GPU:0; a replica each.
    """
    replicas = len(devices)
    notes = [
        *_lacks_of_mode(config, executor, own, replicas),
        _lack_of_normalization(model, replicas),
        _lack_of_parts(config, model),
        _lack_of_determinism(config, devices),
    ]
    return [note for note in notes if note]


def _lacks_of_mode(config: Config, executor: "Executor", own: Sequence[str], replicas: int) -> list[str]:
    mode, notes = f"exec={config.exec.name}", []
    if config.summary.histograms and not executor.shows_gradients:
        notes.append(f"summary.histograms: {mode} shows weights only; Keras keeps its gradients to itself")
    if own and (config.exec.steps_per_call or 1) > 1 and not executor.calls_of_any_size:
        notes.append(f"summary.figures: {mode} shows those of the last step of a call only")
    if replicas > 1 and not executor.sums_summaries and any(not key.startswith("scalar/") for key in own):
        notes.append(
            f"summary.figures: {mode} with several replicas shows scalars only; Keras takes means over replicas"
        )
    if config.summary.gradient_norm and config.exec.name == "fit":
        notes.append(f"summary.gradient_norm: {mode} logs none; Keras keeps its gradients to itself")
    if config.exec.show_autograph and not executor.makes_graph:
        notes.append(f"exec.show_autograph: {mode} makes no graph to show; autograph.py has what AutoGraph would make")
    return notes


def _lack_of_determinism(config: Config, devices: Sequence[str]) -> str | None:
    if not any("GPU" in name for name in devices) or is_deterministic(config.exec, devices):
        return None
    return (
        "exec.deterministic=false: on a GPU the last bits of sums depend on timing, so that a resumed run is not the "
        "undisturbed one"
    )


def _lack_of_normalization(model: Any, replicas: int) -> str | None:
    layers = normalized_by_replica(model)
    if replicas == 1 or not layers:
        return None
    return (
        f"{', '.join(layers)}: batch normalization takes the mean and variance of each replica's part of the batch, so "
        f"that {replicas} replicas do not train as one does; synchronized=True takes them over the whole batch"
    )


def _lack_of_parts(config: Config, model: Any) -> str | None:
    layers = normalized_by_replica(model, synchronized=True) if config.train.accumulate > 1 else []
    if not layers:
        return None
    return (
        f"{', '.join(layers)}: batch normalization takes the mean and variance of each part of a batch, so that "
        f"train.accumulate={config.train.accumulate} does not train as 1 does"
    )


def normalized_by_replica(model: Any, *, synchronized: bool = False) -> list[str]:
    """The names of layers that normalize each replica's part of a batch by itself; if `synchronized`, of all layers."""
    import keras

    from exp.checkpoint.variables import walk

    return [
        layer.name
        for _, layer in walk("model", model, set())
        if isinstance(layer, keras.layers.BatchNormalization) and (synchronized or not layer.synchronized)
    ]
