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

saved_model/   takes pictures as the data set has them (scaling and data.transforms are inside) and gives logits and
               probabilities; runs wherever TensorFlow does, without this project:
               tf.saved_model.load(FOLDER).serve(pictures)
model.keras    Keras's own file, for further work with keras.saving.load_model
export.json    where it comes from, the classes, and what goes in and out
"""
CHECKED = 256
"""Number of test pictures for which the exported model must give the logits of the run's model."""
CLOSE = 1e-4
"""Largest difference of a logit that is accepted, because another graph rounds differently."""


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
        pictures = next(iter(evaluation_dataset(components.dataset.test, components.feed)))[0]
        wanted = components.executor.predict(components.program.model, _rows(pictures))
        raw = _raw_pictures(components)
        _write_saved_model(components, folder / "saved_model")
        worst = _check_saved_model(folder / "saved_model", raw, wanted)
        reason = _write_keras(components.program.model, folder / "model.keras", _rows(pictures), wanted)
        assert state.record is not None
        features = components.dataset.features
        facts = {
            "run": str(run),
            "checkpoint": str(state.checkpoint),
            "weights_sha256": state.record.weights_sha256,
            "class_names": list(components.dataset.class_names or ()),
            "input": {"dtype": features.dtype, "shape": [None, *features.shape]},
            "output": {
                "logits": [None, components.dataset.classes],
                "probabilities": [None, components.dataset.classes],
            },
        }
        (folder / "export.json").write_text(json.dumps(facts, indent=2) + "\n")
        folder.rename(target)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    say(
        f"{target}/saved_model: {counted(len(raw), 'test picture')} gave the run's logits "
        f"(largest difference {worst:.1e})"
    )
    say(reason or f"{target}/model.keras: was loaded again, and gave the same")


_PLAIN: dict[str, Any] = {
    "mode": "test",
    "exec": {"name": "function", "steps_per_call": 1, "jit_compile": False, "show_autograph": False, "profile": None},
    "device": {"name": "all", "memory": "growth", "threads": None},
}
"""Whatever the run trained with, its model is exported from the eager world of one process."""


def _rows(pictures: Any) -> Any:
    """(n, ...) pictures of a call's (1, n, ...), at most `CHECKED`."""
    return pictures[0][:CHECKED]


def _raw_pictures(components: Any) -> Any:
    """The same pictures as they are before transforms."""
    import tensorflow as tf

    count = min(components.dataset.test.size, components.program.batch_size, CHECKED)
    requests = tf.data.Dataset.from_tensors(np.arange(count, dtype=np.int64))
    return next(iter(components.dataset.test.read(requests, components.feed.threads)))[0]


def _write_saved_model(components: Any, folder: Path) -> None:
    import keras
    import tensorflow as tf

    from exp.exec import step

    model, transforms = components.program.model, components.feed.transforms

    def serve(pictures: Any) -> dict[str, Any]:
        changed = transforms.test(pictures) if transforms else pictures
        logits = model(step.scaled(changed), training=False)
        return {"logits": logits, "probabilities": tf.nn.softmax(logits)}

    features = components.dataset.features
    taken = tf.TensorSpec((None, *features.shape), tf.as_dtype(features.dtype), name="pictures")
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("serve", serve, input_signature=[taken])
    archive.write_out(str(folder), verbose=False)


def _check_saved_model(folder: Path, pictures: Any, wanted: Any) -> float:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(folder))  # it keeps the variables
    logits = loaded.serve(pictures)["logits"].numpy()
    worst = float(np.abs(logits - wanted[: len(logits)]).max())
    assert worst <= CLOSE * max(1.0, float(np.abs(wanted).max())), f"the exported model differs by {worst}"
    return worst


def _write_keras(model: Any, path: Path, pictures: Any, wanted: Any) -> str | None:
    """Write a file and load it again; if that fails, leave no file and return the reason."""
    import keras

    from exp.exec import step

    try:
        model.save(path)
        loaded = keras.saving.load_model(path, compile=False)
        same = np.allclose(loaded(step.scaled(pictures), training=False), wanted, atol=CLOSE)
        reason = None if same else "what was loaded again gives other logits"
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
