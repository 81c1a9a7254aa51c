"""`scripts/export.py`: the model of a run as files that others use: a SavedModel, and a `.keras` file."""

import argparse
import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from exp.distributed import Alone
from exp.errors import UserError
from exp.loggers.console import Display
from exp.run_folder.new import new_folder
from exp.run_folder.stored import stored_config
from exp.system.tensorflow import import_tensorflow
from exp.terminal.commands import as_called
from exp.tools.program import run_script, say
from exp.tools.without_training import without_training

if TYPE_CHECKING:
    from exp.tools.served import Served

DESCRIPTION = """Export the model of a run: its newest checkpoint, verified, or the one that --checkpoint names.

  python scripts/export.py RUN_DIR
  python scripts/export.py RUN_DIR --checkpoint RUN_DIR/checkpoints/ckpt-300 --to exported

saved_model/   takes features as the data set has them (scaling and data.transforms are inside), and gives logits and
               probabilities of classes, or outputs; runs wherever TensorFlow does, without this project:
               tf.saved_model.load(FOLDER).serve(features), with a dict if there are several
               If a run has several models, --model names one, which takes and gives what it itself does.
model.keras    Keras's own file, for further work with keras.saving.load_model
export.json    where it comes from, the classes, and what goes in and out
"""
CLOSE = {"float32": 1e-4, "mixed_bfloat16": 3e-2, "mixed_float16": 4e-3}
"""By the precision of a run: the largest difference of an output that is accepted, because another graph rounds
differently. Half-precision numbers have 8 and 11 bits."""


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
    config, _ = without_training(run, {**tree, **restore}, trusted=arguments.trust)
    import_tensorflow()

    from exp.run.averaged import take_averages
    from exp.run.build import build
    from exp.run.initial_state import restored_to_test
    from exp.tools.served import described, serve_part, serve_whole

    components = build(config, group=Alone())
    state = restored_to_test(run, components, Display())
    take_averages(components)
    served = serve_part(components, arguments.model) if arguments.model else serve_whole(components)
    folder = new_folder(target.with_name(f".{target.name}.tmp"), key=None)
    try:
        _write_saved_model(served, folder / "saved_model")
        close = CLOSE[config.train.precision]
        given, worst = _check_saved_model(folder / "saved_model", served, close)
        reason = _write_keras(served, folder / "model.keras", close)
        assert state.record is not None
        facts = {
            "run": str(run),
            "checkpoint": str(state.checkpoint),
            "weights_sha256": state.record.weights_sha256,
            "class_names": list(components.dataset.class_names or ()) if components.program.task.is_of_classes else [],
            "input": described(served.signature),
            "output": {name: [None, *array.shape[1:]] for name, array in given.items()},
        }
        (folder / "export.json").write_text(json.dumps(facts, indent=2) + "\n")
        folder.rename(target)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    say(f"{target}/saved_model: {served.tried} gave the run's {next(iter(given))} (largest difference {worst:.1e})")
    say(reason or f"{target}/model.keras: was loaded again, and gave the same")


def _write_saved_model(served: "Served", folder: Path) -> None:
    import keras

    archive = keras.export.ExportArchive()
    archive.track(served.model)
    archive.add_endpoint("serve", served.serve, input_signature=[served.signature])
    archive.write_out(str(folder), verbose=False)


def _check_saved_model(folder: Path, served: "Served", close: float) -> tuple[dict[str, Any], float]:
    """What the exported model gives, by name; and by how much the first of it differs from what it should be."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(folder))  # it keeps the variables
    given = {name: tensor.numpy() for name, tensor in loaded.serve(served.raw).items()}
    given = dict(sorted(given.items(), key=lambda item: item[0] == "probabilities"))
    first, wanted = next(iter(given.values())), served.wanted
    worst = float(np.abs(first - wanted[: len(first)]).max())
    assert worst <= close * max(1.0, float(np.abs(wanted).max())), f"the exported model differs by {worst}"
    return given, worst


def _write_keras(served: "Served", path: Path, close: float) -> str | None:
    """Write a file and load it again; if that fails, leave no file and return the reason."""
    import keras

    try:
        served.model.save(path)
        loaded = keras.saving.load_model(path, compile=False)
        same = np.allclose(
            loaded(served.given, training=False),
            served.wanted,
            atol=close * max(1.0, float(np.abs(served.wanted).max())),
        )
        reason = None if same else "what was loaded again gives other outputs"
    except Exception as error:  # whatever a model's own get_config or from_config raises
        reason = str(error).strip().splitlines()[0]
    if reason:
        path.unlink(missing_ok=True)
        return f"no .keras file: Keras cannot make this model again from its configuration ({reason})"
    return None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=as_called(DESCRIPTION), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, metavar="RUN_DIR", help="the folder of a run")
    parser.add_argument("--checkpoint", help="RUN_DIR/checkpoints/NAME-STEP, or best (the newest)")
    parser.add_argument("--model", metavar="NAME", help="which one, if the run has several")
    parser.add_argument("--to", type=Path, help="the folder to make (RUN_DIR/export)")
    parser.add_argument(
        "--trust",
        action="append",
        default=[],
        metavar="PREFIX",
        help="of your own code that the run's model is made by",
    )
    return parser
