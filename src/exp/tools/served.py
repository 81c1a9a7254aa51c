"""What an exported model takes and gives, and the examples that prove it. Imports TensorFlow."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from exp.data import evaluation_dataset
from exp.data.split import read_examples
from exp.errors import UserError
from exp.exec import step
from exp.exec.named import NamedModels
from exp.run.components import Components
from exp.terminal.words import counted

CHECKED = 256
"""Number of examples for which the exported model must give the outputs of the run's model."""


@dataclass(frozen=True)
class Served:
    """A model to be exported."""

    model: Any
    serve: Callable[[Any], dict[str, Any]]
    """From features to what is given, by name."""
    signature: Any
    """What `serve` takes: `tf.TensorSpec`s with a batch dimension."""
    raw: Any
    """Some features, as `serve` takes them."""
    given: Any
    """The same features, as the model takes them."""
    wanted: Any
    """What the run's model gives for them."""
    tried: str
    """What these features are, in words."""


def serving(components: Components) -> tuple[Callable[[Any], dict[str, Any]], Any]:
    """A function from features, as the data set has them, to what a run's model gives, by name; and its signature."""
    program, transforms = components.program, components.feed.transforms

    def serve(features: Any) -> dict[str, Any]:
        changed = transforms.test(features) if transforms else features
        return dict(program.task.named_outputs(step.called(program.model)(changed)))

    return serve, _signature(components.dataset.features)


def serve_whole(components: Components) -> Served:
    """The model of a run, which takes features as the data set has them.

    Raises:
        UserError: the run has several models.
    """
    program, dataset = components.program, components.dataset
    model = program.model
    if isinstance(model, NamedModels):
        raise UserError(f"--model: is missing; this run has several models: {', '.join(model.names)}")
    serve, signature = serving(components)
    features = next(iter(evaluation_dataset(dataset.test, components.feed)))[0]
    features = tf.nest.map_structure(lambda tensor: tensor[0][:CHECKED], features)
    count = min(dataset.test.size, program.batch_size, CHECKED)
    return Served(
        model=model,
        serve=serve,
        signature=signature,
        raw=tf.nest.map_structure(tf.constant, read_examples(dataset.test, range(count))[0]),
        given=step.scaled(features),
        wanted=components.executor.computing(step.called(model))(features),
        tried=counted(count, "test picture" if dataset.is_pictures_of_classes else "test example"),
    )


def serve_part(components: Components, name: str) -> Served:
    """One model of several, which takes and gives what it itself does; it is tried with random numbers.

    Raises:
        UserError: there is no such model, or it does not tell what it takes.
    """
    models = components.program.model
    if not isinstance(models, NamedModels) or name not in models.names:
        there = f"are {', '.join(models.names)}" if isinstance(models, NamedModels) else "is only one, without a name"
        raise UserError(f"--model={name}: there is no such model; there {there}")
    model = models[name]
    inputs = getattr(model, "inputs", None)
    if not inputs:
        raise UserError(f"--model={name}: does not tell what it takes; a functional or Sequential model does")
    specs = [tf.TensorSpec((None, *one.shape[1:]), one.dtype, name=one.name) for one in inputs]
    taken = getattr(model, "_inputs_struct", None)  # Keras's own structure of a functional model's inputs
    signature = specs[0] if taken is None else tf.nest.pack_sequence_as(taken, specs)
    random = np.random.default_rng(0)
    features = tf.nest.map_structure(
        lambda spec: tf.cast(tf.constant(random.uniform(size=(CHECKED, *spec.shape[1:]))), spec.dtype), signature
    )
    return Served(
        model=model,
        serve=lambda given: {"outputs": model(given, training=False)},
        signature=signature,
        raw=features,
        given=features,
        wanted=components.executor.computing(lambda given: model(given, training=False))(features),
        tried=f"{CHECKED} rows of random numbers",
    )


def described(signature: Any) -> Any:
    """The type and the shape of each array of features, in their structure."""
    return tf.nest.map_structure(lambda spec: {"dtype": spec.dtype.name, "shape": list(spec.shape)}, signature)


def _signature(specs: Any) -> Any:
    def taken(spec: Any, name: str) -> Any:
        return tf.TensorSpec((None, *spec.shape), tf.as_dtype(spec.dtype), name=name)

    if isinstance(specs, dict):
        return {name: taken(spec, name) for name, spec in specs.items()}
    return tf.nest.map_structure(lambda spec: taken(spec, "pictures" if len(spec.shape) == 3 else "features"), specs)
