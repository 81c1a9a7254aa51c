"""`exp.load(RUN_DIR)`: the trained model of a run, for a notebook or a program."""

import contextlib
import os
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from exp.cli.effective_config import effective_config
from exp.config import Config
from exp.distributed import Alone
from exp.errors import UserError
from exp.loggers.console import Display
from exp.run_folder.stored import folder_of_run, stored_config
from exp.system.tensorflow import import_tensorflow, native_messages_to
from exp.terminal.plain_console import silent
from exp.tools.program import check_overrides, composed_plain
from exp.tools.without_training import without_training

if TYPE_CHECKING:
    from exp.data.split import Split
    from exp.run.components import Components

BATCH = 256
"""Number of examples that are predicted at once, which bounds the memory."""


@dataclass(frozen=True)
class LoadedModel:
    """The model of a run as its test has it: restored from a checkpoint, each variable compared with its SHA-256.

    `model` takes features as a layer sees them: uint8 pixels scaled to 0..1, transforms done. `predict` takes them as
    the data set has them, and does the same to them as a test.
    """

    folder: Path
    """The folder of the run."""
    model: Any
    """A `keras.Model`; of a run with several models all of them, by name: `loaded.model["generator"]`."""
    step: int
    """The number of steps that it was trained for."""
    checkpoint: Path
    """The prefix of the checkpoint, such as `RUN_DIR/checkpoints/ckpt-1200`."""
    weights_sha256: str
    """SHA-256 over the variables of the model, in order, as in `results.json`; with `train.ema`, over the averages."""
    class_names: tuple[str, ...]
    """The names of the classes, by label; empty if there are none."""
    config: Mapping[str, Any] = field(repr=False)
    """The configuration of the run, as plain data."""
    _components: "Components" = field(repr=False)

    def predict(self, features: Any) -> dict[str, np.ndarray[Any, Any]]:
        """What the model gives for some features.

        Args:
            features: arrays (n, ...) in the structure and of the types that the data set has, such as uint8 pictures
                (n, 28, 28, 1).

        Returns:
            float32 arrays (n, ...) by name: `logits` and `probabilities` for classes, else `outputs`.

        Raises:
            UserError: the run has several models, or the features are not as the data set has them.
        """
        import tensorflow as tf

        from exp.exec.named import NamedModels
        from exp.tools.served import serving

        if isinstance(self.model, NamedModels):
            raise UserError(f"predict: this run has several models; call loaded.model[{self.model.names[0]!r}](...)")
        serve, signature = serving(self._components)
        arrays = tf.nest.map_structure(np.asarray, features)
        _check_features(features, arrays, signature)
        compute = self._components.executor.computing(serve)
        size = len(tf.nest.flatten(arrays)[0])
        parts = [
            compute(tf.nest.map_structure(lambda one, first=first: tf.constant(one[first : first + BATCH]), arrays))
            for first in range(0, size, BATCH)
        ]
        return {name: np.concatenate([np.asarray(part[name]) for part in parts]) for name in parts[0]}

    def examples(self, count: int, *, split: Literal["train", "validation", "test"]) -> tuple[Any, Any]:
        """The first examples of a split, as the data set has them; their weights, if there are some, are left out.

        Args:
            count: how many.
            split: of which.

        Returns:
            Features and targets: arrays (count, ...), or structures of them.

        Raises:
            UserError: there is no such split, or it has fewer examples.
        """
        from exp.data.split import Weighted

        features, targets = self._read(count, split)
        return features, targets.targets if isinstance(targets, Weighted) else targets

    def weights(self, count: int, *, split: Literal["train", "validation", "test"]) -> Any:
        """The weights of the first examples of a split, by which metrics are means; None if the data set has none.

        Args:
            count: how many.
            split: of which.

        Returns:
            float32 (count,), or (count, positions) for sequences.

        Raises:
            UserError: there is no such split, or it has fewer examples.
        """
        from exp.data.split import Weighted

        _, targets = self._read(count, split)
        return targets.weights if isinstance(targets, Weighted) else None

    def _read(self, count: int, split: str) -> tuple[Any, Any]:
        from exp.data.split import read_examples

        found: Split | None = getattr(self._components.dataset, split, None) if split in _SPLITS else None
        if found is None:
            raise UserError(f"split={split}: this data set has no such split; there can be {', '.join(_SPLITS)}")
        if not isinstance(count, int) or not 0 < count <= found.size:
            raise UserError(f"count={count}: must be 1 to {found.size}, the examples of this split")
        return read_examples(found, range(count))


_SPLITS = ("train", "validation", "test")


def load(run: str | Path, overrides: Sequence[str] = ()) -> LoadedModel:
    """Load the model of a run: its newest checkpoint, verified, or the one that an override names.

    The model is built as for a test, from the configuration in the run's folder, so that its data set must be there.
    Python's and NumPy's random states and Keras's policy of types are left as they were. TensorFlow's seed is not, nor
    are its threads, if it has not computed anything before: then it gets as many as there are cores.

    Args:
        run: the folder of a run.
        overrides: what a test may be given: `checkpoint.restore=best`, `data.dir=DIR`, `trusted_targets=[my_models.]`.

    Raises:
        UserError: this is not the folder of a run, its code is not trusted, or its checkpoint is damaged.
    """
    check_overrides(overrides, such_as="checkpoint.restore=best")
    other = next((one for one in overrides if one.lstrip("+~").partition("=")[0] in ("mode", "run", "resume")), None)
    if other is not None:
        raise UserError(f"overrides: {other}: the run that is loaded is {run}; leave it out")
    folder = folder_of_run("exp.load", run)
    composed, _ = composed_plain([*overrides, "mode=test"])
    asked = {**composed, "run": str(folder)}
    config, tree = effective_config(asked, overrides=list(overrides), in_sweep=False, in_search=False)
    config, _ = without_training(folder, tree, trusted=config.trusted_targets)
    with native_messages_to(Path(os.devnull)):
        return _load(folder, config)


def _load(folder: Path, config: Config) -> LoadedModel:
    import_tensorflow()

    from exp.run.averaged import take_averages
    from exp.run.build import build
    from exp.run.initial_state import restored_to_test

    with _settings_kept():
        components = build(config, group=Alone())
        state = restored_to_test(folder, components, Display(silent()))
        take_averages(components)
    assert state.checkpoint is not None
    return LoadedModel(
        folder=folder,
        model=components.program.model,
        step=state.step,
        checkpoint=state.checkpoint,
        weights_sha256=components.weights_sha256(),
        class_names=tuple(components.dataset.class_names or ()),
        config=stored_config("exp.load", folder),
        _components=components,
    )


@contextlib.contextmanager
def _settings_kept() -> Iterator[None]:
    """Give back what building a run sets for the whole process: random states, and Keras's policy of types."""
    import keras

    python, numpy, policy = random.getstate(), np.random.get_state(), keras.config.dtype_policy()
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        keras.config.set_dtype_policy(policy)


def _check_features(features: Any, arrays: Any, signature: Any) -> None:
    """Refuse features of another structure, shape or type: a model would take some of them, and give wrong numbers.

    Raises:
        UserError: naming what is wrong.
    """
    import tensorflow as tf

    if any(np.ma.isMaskedArray(one) for one in tf.nest.flatten(features)):
        raise UserError("features: are masked, and a model would take what is behind the mask; fill it first")
    try:
        tf.nest.assert_same_structure(arrays, signature)
    except (ValueError, TypeError):
        wanted = tf.nest.map_structure(_described, signature)
        raise UserError(f"features: must have the structure {wanted}") from None
    sizes = set()
    for array, spec in zip(tf.nest.flatten(arrays), tf.nest.flatten(signature), strict=True):
        if array.dtype != spec.dtype.as_numpy_dtype or not spec.shape.is_compatible_with(array.shape):
            given = f"{array.dtype} {array.shape}"
            raise UserError(f"features: are {given}; must be {_described(spec)}, as the data set has them")
        sizes.add(len(array))
    if len(sizes) != 1 or 0 in sizes:
        raise UserError("features: must be of as many examples each, and of one at least")


def _described(spec: Any) -> str:
    return f"{spec.dtype.name} ({', '.join(['n', *map(str, spec.shape[1:])])})"
