"""`scripts/import_checkpoint.py`: a checkpoint of TensorFlow 2.0 to 2.15 becomes a run, to be tested and trained on."""

import argparse
from datetime import datetime
from pathlib import Path

from omegaconf import OmegaConf

from exp.config.choices import label
from exp.config.config_hash import config_hash
from exp.config.targets import needed_prefixes, target_names
from exp.distributed import Alone
from exp.run_folder import names
from exp.run_folder.folder import RunFolder
from exp.run_folder.new import new_folder
from exp.system.tensorflow import import_tensorflow
from exp.terminal.commands import as_called, command_line, override, run_command
from exp.terminal.words import counted
from exp.tools.program import composed_tree, run_script, say

DESCRIPTION = """Import the weights of a checkpoint that TensorFlow 2.0 to 2.15 wrote, with Keras 2's names of objects.

  python scripts/import_checkpoint.py save/model.ckpt-1 model=mlp
  python scripts/import_checkpoint.py save/model.ckpt-1 --key myAwesomeModel --map head=dense2 model=cnn

The weights become the checkpoint of step 0 of a new run folder, which can be tested (mode=test run=FOLDER) and trained
on (resume=FOLDER). The optimizer starts anew.
"""


def main() -> int:
    """Run this process's command line; returns the exit status."""
    return run_script(_parser(), _import)


def _import(arguments: argparse.Namespace) -> None:
    config, tree, choices = composed_tree(arguments.overrides)
    import_tensorflow()

    from exp.checkpoint import copies_of_weights, keras2, prefix_of, read_record
    from exp.checkpoint.record import value_digests
    from exp.checkpoint.variables import VALUE_SUFFIX, named_variables
    from exp.run.build import build
    from exp.run.initial_state import InitialState
    from exp.run.open_checkpoints import open_checkpoints

    found = keras2.find_foreign(arguments.checkpoint, arguments.key)
    components = build(config, group=Alone())
    weights = {id(weight) for weight in components.program.model.weights}
    named_here = named_variables({"model": components.program.model})
    here = {path: named for path, named in named_here.items() if id(named.variable) in weights}
    pairs = keras2.match(found, here, dict(arguments.map))
    values = keras2.values_of(found, [key for _, key in pairs])
    folder = new_folder(Path("outputs") / f"{datetime.now():%Y-%m-%d}" / _name(label(tree, choices)), key=None)
    state = InitialState()
    checkpoints = open_checkpoints(components, folder / names.CHECKPOINTS, run=state.run)
    with components.executor.scope():
        copies = copies_of_weights(components.program.parts, components.executor)
        components.executor.write([named.variable for named, _ in pairs], values)
        copies.renew()
        checkpoints.save(0, examples=0)
        checkpoints.wait()
    # The proof: what the new checkpoint's record says of each variable is what the foreign file holds.
    record = read_record(prefix_of(folder / names.CHECKPOINTS, config.checkpoint.name, 0))
    saved = {entry.path: entry.sha256 for entry in record.variables}
    digests = value_digests(values)
    assert all(saved[named.path] == digest for (named, _), digest in zip(pairs, digests, strict=True))
    run = RunFolder(folder)
    run.write_config({names.CONFIG_YAML: OmegaConf.to_yaml(OmegaConf.create(tree)), names.OVERRIDES_YAML: "[]\n"})
    facts = {
        "command": command_line(),
        "run": state.run,
        "mode": "train",
        "config_hash": config_hash(tree),
        "choices": choices,
        "seed": config.seed,
    }
    source = {"checkpoint": str(found.prefix), "key": found.root, "weights_sha256": record.weights_sha256}
    run.write_manifest({**facts, **components.facts(), "imported": source}, targets=target_names(tree))
    run.close()
    for named, key in pairs:
        say(f"{key.removesuffix(VALUE_SUFFIX)} -> {named}")
    left = ", ".join(found.left) or "nothing"
    say(f"{counted(len(pairs), 'variable')} imported, each compared with its SHA-256; left: {left}")
    trusted = needed_prefixes(tree, config.trusted_targets)
    say(f"test it:   {run_command('mode=test', override('run', folder), trusted=trusted)}")
    say(f"train on:  {run_command(override('resume', folder), trusted=trusted)}")


def _name(label: str) -> str:
    return f"{datetime.now():%H-%M-%S}_{label}_imported"


def _pair(text: str) -> tuple[str, str]:
    there, sign, here = text.partition("=")
    if not sign:
        raise argparse.ArgumentTypeError(f"{text}: must be THERE=HERE, the names of two layers")
    return there, here


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=as_called(DESCRIPTION), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "checkpoint", type=Path, help="its prefix, such as save/model.ckpt-1, or its folder (the newest)"
    )
    parser.add_argument("overrides", nargs="*", help="the model and data here, as for run.py: model=cnn ...")
    parser.add_argument("--key", help="the name that the model was saved under (needed where there are several)")
    parser.add_argument(
        "--map", action="append", default=[], type=_pair, metavar="THERE=HERE", help="a layer there is a layer here"
    )
    return parser
