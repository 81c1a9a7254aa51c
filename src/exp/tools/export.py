"""`scripts/export.py`: the model of a run as files that others use: a SavedModel, and a `.keras` file."""

import argparse
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from exp.config import parse
from exp.distributed import Alone
from exp.errors import UserError
from exp.loggers.console import Display
from exp.run_folder.new import new_folder
from exp.run_folder.stored import stored_config
from exp.system.tensorflow import import_tensorflow
from exp.terminal.words import counted
from exp.tools.program import run_script, say

DESCRIPTION = """Export the model of a run: its newest checkpoint, verified, or the one that --checkpoint names.

  python scripts/export.py RUN_DIR
  python scripts/export.py RUN_DIR --checkpoint RUN_DIR/checkpoints/ckpt-300 --to exported

saved_model/   takes features as the data set has them (scaling and data.transforms are inside), and gives logits and
               probabilities of classes, or outputs; runs wherever TensorFlow does, without this project:
               tf.saved_model.load(FOLDER).serve(features), with a dict if there are several
model.keras    Keras's own file, for further work with keras.saving.load_model
export.json    where it comes from, the classes, and what goes in and out
"""
CHECKED = 256
"""Number of test examples for which the exported model must give the outputs of the run's model."""
CLOSE = 1e-4
"""Largest difference of an output that is accepted, because another graph rounds differently."""


def main() -> int:
    """Run this process's command line; returns the exit status."""
    return run_script(_parser(), _export)


def _export(arguments: argparse.Namespace) -> None:
    run: Path = arguments.run
    target = arguments.to or run / "export"
    if os.path.lexists(target):
        raise UserError(f"{target}: is there already; remove it, or name another folder with --to")
    tree = stored_config("RUN_DIR", str(run))
    restore = {"checkpoint": {**tree["checkpoint"], "restore": arguments.checkpoint, "scope": "all", "exclude": []}}
    config = parse({**tree, **_PLAIN, **restore}, trusted=arguments.trust)
    import_tensorflow()

    from exp.data import evaluation_dataset
    from exp.run.build import build
    from exp.run.initial_state import restored_to_test

    components = build(config, group=Alone())
    state = restored_to_test(run, components, Display())
    folder = new_folder(target.with_name(f".{target.name}.tmp"), key=None)
    try:
        features = _rows(next(iter(evaluation_dataset(components.dataset.test, components.feed)))[0])
        wanted = components.executor.predict(components.program.model, features)
        raw, count = _raw_features(components)
        _write_saved_model(components, folder / "saved_model")
        given, worst = _check_saved_model(folder / "saved_model", raw, wanted)
        reason = _write_keras(components.program.model, folder / "model.keras", features, wanted)
        assert state.record is not None
        facts = {
            "run": str(run),
            "checkpoint": str(state.checkpoint),
            "weights_sha256": state.record.weights_sha256,
            "class_names": list(components.dataset.class_names or ()),
            "input": _described(components.dataset.features),
            "output": {name: [None, *array.shape[1:]] for name, array in given.items()},
        }
        (folder / "export.json").write_text(json.dumps(facts, indent=2) + "\n")
        folder.rename(target)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    what = "test picture" if components.dataset.is_pictures_of_classes else "test example"
    say(
        f"{target}/saved_model: {counted(count, what)} gave the run's {next(iter(given))} "
        f"(largest difference {worst:.1e})"
    )
    say(reason or f"{target}/model.keras: was loaded again, and gave the same")


_PLAIN: dict[str, Any] = {
    "mode": "test",
    "exec": {"name": "function", "steps_per_call": 1, "jit_compile": False, "show_autograph": False, "profile": None},
    "device": {"name": "all", "memory": "growth", "threads": None},
}
"""Whatever the run trained with, its model is exported from the eager world of one process."""


def _rows(features: Any) -> Any:
    """(n, ...) features of a call's (1, n, ...), at most `CHECKED`."""
    import tensorflow as tf

    return tf.nest.map_structure(lambda tensor: tensor[0][:CHECKED], features)


def _raw_features(components: Any) -> tuple[Any, int]:
    """The same features as they are before transforms, and for how many examples."""
    import tensorflow as tf

    from exp.data.dataset import read_examples

    count = min(components.dataset.test.size, components.program.batch_size, CHECKED)
    return tf.nest.map_structure(tf.constant, read_examples(components.dataset.test, range(count))[0]), count


def _described(features: Any) -> Any:
    """The type and the shape of each array of features, in their structure."""
    import tensorflow as tf

    return tf.nest.map_structure(lambda spec: {"dtype": spec.dtype, "shape": [None, *spec.shape]}, features)


def _write_saved_model(components: Any, folder: Path) -> None:
    import keras
    import tensorflow as tf

    from exp.exec import step

    program, transforms = components.program, components.feed.transforms
    model = program.model

    def serve(features: Any) -> dict[str, Any]:
        changed = transforms.test(features) if transforms else features
        return dict(program.task.named_outputs(model(step.scaled(changed), training=False)))

    def taken(spec: Any, name: str) -> Any:
        return tf.TensorSpec((None, *spec.shape), tf.as_dtype(spec.dtype), name=name)

    specs = components.dataset.features
    if isinstance(specs, dict):
        signature: Any = {name: taken(spec, name) for name, spec in specs.items()}
    else:
        signature = tf.nest.map_structure(
            lambda spec: taken(spec, "pictures" if len(spec.shape) == 3 else "features"), specs
        )
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("serve", serve, input_signature=[signature])
    archive.write_out(str(folder), verbose=False)


def _check_saved_model(folder: Path, features: Any, wanted: Any) -> tuple[dict[str, Any], float]:
    """What the exported model gives, by name; and by how much the first of it differs from what it should be."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(folder))  # it keeps the variables
    given = {name: tensor.numpy() for name, tensor in loaded.serve(features).items()}
    given = dict(sorted(given.items(), key=lambda item: item[0] == "probabilities"))
    first = next(iter(given.values()))
    worst = float(np.abs(first - wanted[: len(first)]).max())
    assert worst <= CLOSE * max(1.0, float(np.abs(wanted).max())), f"the exported model differs by {worst}"
    return given, worst


def _write_keras(model: Any, path: Path, features: Any, wanted: Any) -> str | None:
    """Write a file and load it again; if that fails, leave no file and return the reason."""
    import keras

    from exp.exec import step

    try:
        model.save(path)
        loaded = keras.saving.load_model(path, compile=False)
        same = np.allclose(loaded(step.scaled(features), training=False), wanted, atol=CLOSE)
        reason = None if same else "what was loaded again gives other outputs"
    except Exception as error:  # whatever a model's own get_config or from_config raises
        reason = str(error).strip().splitlines()[0]
    if reason:
        path.unlink(missing_ok=True)
        return f"no .keras file: Keras cannot make this model again from its configuration ({reason})"
    return None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, metavar="RUN_DIR", help="the folder of a run")
    parser.add_argument("--checkpoint", help="RUN_DIR/checkpoints/NAME-STEP, or best (the newest)")
    parser.add_argument("--to", type=Path, help="the folder to make (RUN_DIR/export)")
    parser.add_argument(
        "--trust",
        action="append",
        default=[],
        metavar="PREFIX",
        help="of your own code that the run's model is made by",
    )
    return parser
