"""`scripts/show_data.py`: the data as training would see it, and what the shuffle buffer does."""

import argparse
import os
from datetime import datetime
from pathlib import Path

from rich.table import Table

from exp.assemble import load_data
from exp.data import Feed
from exp.outputs import new_folder
from exp.plain_console import PlainConsole
from exp.script import composed, run_script
from exp.show.grid import Image
from exp.show.shuffle import Mixing, mixings
from exp.startup import import_tensorflow

DESCRIPTION = """Show the data as training would see it: pictures before and after transforms, or what the shuffle does.

  python scripts/show_data.py data=cats_vs_dogs data.dir=DIR 'data.transforms=[random_flip]'
  python scripts/show_data.py data=cats_vs_dogs data.dir=DIR --shuffle 1,1000,10000,25000
"""


def main(*, conf: Path) -> int:
    """Run this process's command line; returns the exit status."""
    return run_script(_parser(), lambda arguments: _show(arguments, conf))


def _show(arguments: argparse.Namespace, conf: Path) -> None:
    config = composed(arguments.overrides, conf=conf)
    import_tensorflow()
    splits, order, transforms = load_data(config)
    for note in splits.notes:
        print(note)
    folder = new_folder(Path("outputs") / "show_data" / f"{datetime.now():%Y-%m-%d_%H-%M-%S}_{splits.name}")
    if arguments.shuffle:
        from exp.show.charts import shuffle_chart

        found = mixings(
            splits.train.labels[: order.size],
            classes=splits.classes,
            seed=config.seed,
            batch_size=order.batch_size,
            buffer_sizes=arguments.shuffle,
        )
        PlainConsole().print(_table(found, splits.class_names, order.batch_size))
        _save(folder / "shuffle.png", shuffle_chart(found, splits.class_names))
    else:
        from exp.show.batches import batches_grid

        feed = Feed(
            batch_size=order.batch_size,
            steps_per_call=1,
            transforms=transforms,
            threads=config.device.threads or os.cpu_count() or 1,
            prefetch=1,
        )
        _save(folder / "batches.png", batches_grid(splits, order, feed))


def _table(found: list[Mixing], class_names: tuple[str, ...], batch_size: int) -> Table:
    shown = class_names[:10]
    batches = len(found[0].shares)
    table = Table(title=f"one epoch of {len(found[0].order)} examples; the first {batches} batches of {batch_size}")
    table.add_column("buffer_size", justify="right")
    for name in shown:
        table.add_column(f"{name}\n(first batches)", justify="right")
    for heading in ("unevenness\nof a batch", "examples move\non average", "at most"):
        table.add_column(heading, justify="right")
    for mixing in found:
        shares = [f"{share:.1%}" for share in mixing.first_shares[: len(shown)]]
        moved = mixing.moved
        row = [str(mixing.buffer_size), *shares, f"{mixing.unevenness:.3f}", f"{moved.mean():.0f}", str(moved.max())]
        table.add_row(*row)
    overall = [f"{share:.1%}" for share in found[0].overall[: len(shown)]]
    table.add_section()
    table.add_row("whole set", *overall, "", "", "")
    return table


def _save(path: Path, image: Image) -> None:
    from PIL import Image as Pillow

    Pillow.fromarray(image).save(path)
    print(path)


def _sizes(text: str) -> list[int]:
    try:
        sizes = [int(size) for size in text.split(",")]
    except ValueError:
        sizes = []
    if not sizes or min(sizes) < 1:
        raise argparse.ArgumentTypeError(f"{text}: must be whole numbers of at least 1, such as 1,1000,10000")
    return sizes


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("overrides", nargs="*", help="as for run.py: data=..., data.KEY=..., seed=...")
    parser.add_argument("--shuffle", type=_sizes, metavar="SIZES", help="compare these sizes of the shuffle buffer")
    return parser
