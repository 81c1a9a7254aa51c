"""What a mode or several replicas do not do of what is asked for, in a sentence each: the run goes on, and says so."""

from collections.abc import Sequence
from typing import Any

from exp.config import Config


def limits(config: Config, model: Any, own: Sequence[str], replicas: int) -> list[str]:
    """The sentences for a run.

    Args:
        config: of the run.
        model: built.
        own: keys of what the model logs by `exp.loggers.collect`.
        replicas: on which it trains.
    """
    notes = [*_of_the_mode(config, own, replicas), _of_normalization(model, replicas)]
    return [note for note in notes if note]


def _of_the_mode(config: Config, own: Sequence[str], replicas: int) -> list[str]:
    name, notes = config.exec.name, []
    if name == "fit" and config.summary.histograms:
        notes.append("summary.histograms: exec=fit shows weights only; Keras keeps its gradients to itself")
    if name == "fit" and (config.exec.steps_per_call or 1) > 1 and own:
        notes.append("summary.figures: exec=fit shows those of the last step of a call only")
    if name == "fit" and replicas > 1 and any(not key.startswith("scalar/") for key in own):
        notes.append(
            "summary.figures: exec=fit with several replicas shows scalars only; Keras takes means over replicas"
        )
    if name == "eager" and config.exec.show_autograph:
        notes.append(
            "exec.show_autograph: exec=eager makes no graph to show; autograph.py has what AutoGraph would make"
        )
    return notes


def _of_normalization(model: Any, replicas: int) -> str | None:
    import keras

    from exp.checkpoint.variables import walk

    layers = [
        layer.name
        for _, layer in walk("model", model, set())
        if isinstance(layer, keras.layers.BatchNormalization) and not layer.synchronized
    ]
    if replicas == 1 or not layers:
        return None
    return (
        f"{', '.join(layers)}: batch normalization takes the mean and variance of each replica's part of the batch, so "
        f"that {replicas} replicas do not train as one does; synchronized=True takes them over the whole batch"
    )
