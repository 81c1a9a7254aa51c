"""`scripts/show_data.py`: the data as training would see it, and what the shuffle buffer does."""

import argparse
import os
from datetime import datetime
from pathlib import Path

from exp.data import Feed
from exp.errors import UserError
from exp.run.load_data import load_data
from exp.run_folder.new import new_folder
from exp.system.tensorflow import import_tensorflow
from exp.terminal.commands import as_called
from exp.terminal.tables import Table, line_width, plain_table, whole
from exp.tools.program import composed, run_script, say
from exp.visualize.class_mixing import ClassMixing, class_mixings
from exp.visualize.image_grid import Image

DESCRIPTION = """Show the data as training would see it: pictures before and after transforms, or what the shuffle does.

  python scripts/show_data.py data=cats_vs_dogs data.dir=DIR 'data.transforms=[random_flip]'
  python scripts/show_data.py data=cats_vs_dogs data.dir=DIR --shuffle 1,1000,10000,25000
"""

MOST_CLASSES = 10


def main() -> int:
    """Run this process's command line; returns the exit status."""
    return run_script(_parser(), _show)


def _show(arguments: argparse.Namespace) -> None:
    config = composed(arguments.overrides)
    import_tensorflow()
    dataset, order, transforms = load_data(config)
    if not (arguments.shuffle or dataset.is_pictures):
        raise UserError(f"data={dataset.name}: is shown as pictures, and has none")
    for note in dataset.notes:
        say(note)
    folder = new_folder(Path("outputs") / "show_data" / f"{datetime.now():%Y-%m-%d_%H-%M-%S}_{dataset.name}", key=None)
    if arguments.shuffle:
        from exp.visualize.charts import class_mixing_chart

        labels, class_names = dataset.train.targets, dataset.class_names
        if labels is None or class_names is None:
            raise UserError(f"data={dataset.name}: has no classes, and --shuffle shows how classes are mixed")
        found = class_mixings(
            labels[: order.size],
            classes=dataset.classes,
            seed=config.seed_of("order"),
            batch_size=order.batch_size,
            buffer_sizes=arguments.shuffle,
        )
        examples, batches = len(found[0].order), len(found[0].shares)
        shares = f"the first {batches} batches of {order.batch_size} have these shares of classes"
        say(f"one epoch of {examples} examples; {shares}\n")
        say("\n".join(whole(_table(found, class_names), line_width())))
        _save(folder / "shuffle.png", class_mixing_chart(found, class_names))
    else:
        from exp.visualize.image_batches import image_batches_grid

        feed = Feed(
            batch_size=order.batch_size,
            steps_per_call=1,
            transforms=transforms,
            threads=config.device.threads or os.cpu_count() or 1,
            prefetch=1,
            seed=config.seed_of("augment"),
        )
        _save(folder / "batches.png", image_batches_grid(dataset, order=order, feed=feed))


def _table(found: list[ClassMixing], class_names: tuple[str, ...]) -> Table:
    """A row for each size of the buffer, and one for the whole set."""
    shown = class_names[:MOST_CLASSES]
    headings = ["buffer_size", *shown, "unevenness of a batch", "examples move on average", "at most"]
    rows = [
        [
            str(mixing.buffer_size),
            *(f"{share:.1%}" for share in mixing.first_shares[: len(shown)]),
            f"{mixing.unevenness:.3f}",
            f"{mixing.moved.mean():.0f}",
            str(mixing.moved.max()),
        ]
        for mixing in found
    ]
    overall = ["whole set", *(f"{share:.1%}" for share in found[0].overall[: len(shown)]), "", "", ""]
    return plain_table(headings, [*rows, overall])


def _save(path: Path, image: Image) -> None:
    from PIL import Image as Pillow

    Pillow.fromarray(image).save(path)
    say(path)


def _sizes(text: str) -> list[int]:
    try:
        sizes = [int(size) for size in text.split(",")]
    except ValueError:
        sizes = []
    if not sizes or min(sizes) < 1:
        raise argparse.ArgumentTypeError(f"{text}: must be whole numbers of at least 1, such as 1,1000,10000")
    return sizes


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=as_called(DESCRIPTION), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("overrides", nargs="*", help="as for run.py: data=..., data.KEY=..., seed=...")
    parser.add_argument("--shuffle", type=_sizes, metavar="SIZES", help="compare these sizes of the shuffle buffer")
    return parser
