"""Rules about Keras's optimizers: what they do not do right in a run of this project is refused by name (Keras 3.15).

`tests/conformance/test_optimizers.py` holds all the others to the same numbers in every mode and on replicas.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from exp.config.target_names import KERAS_OPTIMIZERS

if TYPE_CHECKING:
    from exp.config.targets import Target

NEVER: Mapping[str, str] = {
    "use_ema": (
        "Keras puts the averages into the model only at the end of its own fit, so that what is tested would not be "
        "what is saved"
    ),
    "loss_scale_factor": "Keras divides gradients by it, but only its own fit multiplies the loss by it",
}
"""Arguments that are refused in every mode, with the reason."""

ON_REPLICAS: Mapping[str, str] = {
    **dict.fromkeys(
        ("clipnorm", "global_clipnorm", "clipvalue"),
        "Keras clips the share of each replica before it sums them, so that {replicas} replicas would train otherwise "
        "than one",
    ),
    "gradient_accumulation_steps": "Keras cannot accumulate on {replicas} replicas",
}
"""Arguments that are refused with several replicas, with the reason."""

LOSS_SCALE = f"{KERAS_OPTIMIZERS}LossScaleOptimizer"
CLASSES: Mapping[str, str] = {
    LOSS_SCALE: "it divides gradients by its scale, but only Keras's own fit multiplies the loss by that"
}
"""Optimizers that are refused in every mode, with the reason."""


def target_problems(optimizer: "Target", replicas: int) -> list[str]:
    """A sentence for each refused thing that a configuration asks for, before an optimizer is made.

    Args:
        optimizer: the node of the configuration.
        replicas: the number of replicas that will train, as far as it is known; 1 finds what is refused everywhere.
    """
    problems = []
    for path, node in _nodes("optimizer", {"_target_": optimizer.name, **optimizer.arguments}):
        name = str(node["_target_"])
        if name in CLASSES:
            problems.append(f"{path}._target_={name}: {CLASSES[name]}")
        elif name.startswith(KERAS_OPTIMIZERS):
            problems += argument_problems(path, node.get, replicas)
    return problems


def argument_problems(path: str, get: Callable[[str], Any], replicas: int) -> list[str]:
    """A sentence for each refused argument.

    Args:
        path: the path of the optimizer's node.
        get: returns the value of an argument; None if it has none.
        replicas: the number of replicas that will train.
    """
    refused = {**NEVER, **(ON_REPLICAS if replicas > 1 else {})}
    return [
        f"{path}.{key}={str(get(key)).lower()}: {why.format(replicas=replicas)}"
        for key, why in refused.items()
        if get(key)
    ]


def _nodes(path: str, node: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every node with a `_target_`, at or below this one, with its path."""
    if isinstance(node, Mapping):
        if "_target_" in node:
            yield path, node
        for key, value in node.items():
            yield from _nodes(f"{path}.{key}", value)
    elif isinstance(node, Sequence) and not isinstance(node, str):
        for number, value in enumerate(node):
            yield from _nodes(f"{path}[{number}]", value)
