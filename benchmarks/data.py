"""`python -m benchmarks.data`: how fast pictures come from disk, against decoding alone and the usual pipelines.

Every measurement runs in a process of its own, so that no one inherits another's memory, and all take turns.
"""

import argparse
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table

from exp.config import Config
from exp.data.cats_vs_dogs import folder_of
from exp.data.images.cache_dir import cache_folder
from exp.data.images.scan import find
from exp.errors import UserError
from exp.terminal.plain_console import PlainConsole
from exp.terminal.progress import track
from exp.tools.program import composed, run_script

DESCRIPTION = """Measure the input pipeline of data=cats_vs_dogs: one epoch of its training pictures, a case each.

  python -m benchmarks.data data.dir=DIR
  python -m benchmarks.data data.source=synthetic --rounds 3 --markdown
"""
DECODING = "decoding"
RESIZING = "decoding, resizing"
OURS = "exp"
CACHED = "exp, cache=memory"
SERIAL = "serial map, shuffle"
REWRITTEN = "rewritten map, shuffle"
PARALLEL = "parallel map, shuffle"
KERAS = "image_dataset_from_directory"


@dataclass(frozen=True)
class Pictures:
    """What every case reads."""

    config: Config
    folder: str
    paths: Sequence[str]
    labels: Sequence[int]
    image_size: int
    threads: int


def main() -> int:
    """Run this process's command line; returns the exit status."""
    return run_script(_parser(), _bench)


def _bench(arguments: argparse.Namespace) -> None:
    pictures = _pictures(composed(["data=cats_vs_dogs", *arguments.overrides]))
    rates: dict[str, list[float]] = {case: [] for case in _MAKERS}
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tensorflow", "keras"])
    turns = [case for _ in range(arguments.rounds) for case in _MAKERS]
    with ProcessPoolExecutor(max_workers=1, mp_context=context, max_tasks_per_child=1) as pool:
        pool.submit(_measure, DECODING, pictures).result()  # the system reads the files from disk once
        for case in track(turns, total=len(turns), what="measuring"):
            rates[case].append(pool.submit(_measure, case, pictures).result())
    medians = {case: statistics.median(values) for case, values in rates.items()}
    title = (
        f"{len(pictures.paths)} pictures to {pictures.image_size}x{pictures.image_size}, {pictures.threads} threads, "
        f"batch {pictures.config.data.batch_size}, median of {arguments.rounds}"
    )
    rows = [
        (case, f"{median:.0f}", *(f"{median / medians[other]:.2f}" for other in (DECODING, RESIZING, SERIAL)))
        for case, median in medians.items()
    ]
    headings = ("case", "pictures/s", "x decoding", "x resizing", "x serial")
    _print_markdown(title, headings, rows) if arguments.markdown else _print_table(title, headings, rows)


def _pictures(config: Config) -> Pictures:
    from exp.system.machine import available_cores

    if config.data.target.name != "exp.data.cats_vs_dogs.load":
        raise UserError(f"data={config.data.target.short_name}: only the pictures of cats_vs_dogs are read from files")
    given = config.data.target.arguments
    folder = folder_of(given["source"], given["dir"], cache_folder(given["cache_dir"]))
    found = find(folder, given["classes"])
    examples = [(str(p), label) for label, name in enumerate(found.classes) for p in found.files["train", name]]
    paths, labels = zip(*examples, strict=True)
    threads = config.device.threads or available_cores()
    return Pictures(config, str(folder), paths, labels, given["image_size"], threads)


def _measure(case: str, pictures: Pictures) -> float:
    """Pictures a second over one epoch, from the first request to the last batch."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(pictures.threads)
    tf.config.threading.set_inter_op_parallelism_threads(pictures.threads)
    dataset = _MAKERS[case](pictures)
    started = time.perf_counter()
    seen = 0
    for element in dataset:
        seen += int(tf.size(element[1])) if isinstance(element, tuple) else 1  # the size of the labels
    return seen / (time.perf_counter() - started)


def _decoding(pictures: Pictures, *, resize: bool) -> Any:
    import tensorflow as tf

    size = (pictures.image_size, pictures.image_size)

    def decode(name: Any) -> Any:
        picture = tf.io.decode_image(tf.io.read_file(name), channels=3, expand_animations=False)
        return tf.image.resize(picture, size) if resize else picture

    names = tf.data.Dataset.from_tensor_slices(list(pictures.paths))
    return names.map(decode, num_parallel_calls=pictures.threads)


def _ours(pictures: Pictures, *, cache: str) -> Any:
    from exp.data import Feed, plan_calls, training_dataset
    from exp.run.load_data import load_data

    data = pictures.config.data
    target = data.target.model_copy(update={"arguments": {**data.target.arguments, "cache": cache}})
    config = pictures.config.model_copy(update={"data": data.model_copy(update={"target": target})})
    dataset, order, transforms = load_data(config)
    feed = Feed(
        batch_size=data.batch_size,
        steps_per_call=1,
        transforms=transforms,
        threads=pictures.threads,
        prefetch=data.prefetch,
    )
    calls = plan_calls(first=0, last=order.steps_per_epoch, steps_per_call=1, every=order.steps_per_epoch)
    return training_dataset(dataset.train, order, calls, feed)


def _shuffling_pictures(pictures: Pictures, *, parallel: bool, rewritten: bool = True) -> Any:
    """Decoded pictures go through the shuffle's buffer, as in the handbook; it has no prefetch either."""
    import tensorflow as tf

    size = (pictures.image_size, pictures.image_size)

    def decode(name: Any, label: Any) -> tuple[Any, Any]:
        picture = tf.image.decode_jpeg(tf.io.read_file(name), channels=3)
        return tf.image.resize(picture, size) / 255.0, label

    dataset = tf.data.Dataset.from_tensor_slices((list(pictures.paths), list(pictures.labels)))
    dataset = dataset.map(decode, num_parallel_calls=pictures.threads if parallel else None)
    dataset = dataset.shuffle(buffer_size=pictures.config.data.buffer_size).batch(pictures.config.data.batch_size)
    options = tf.data.Options()
    options.experimental_optimization.map_parallelization = rewritten
    dataset = dataset.with_options(options)
    return dataset.prefetch(pictures.config.data.prefetch) if parallel else dataset


def _keras(pictures: Pictures) -> Any:
    import keras

    return keras.utils.image_dataset_from_directory(
        str(Path(pictures.folder) / "train"),
        image_size=(pictures.image_size, pictures.image_size),
        batch_size=pictures.config.data.batch_size,
        shuffle=True,
        seed=0,
        verbose=False,
    )


_MAKERS: dict[str, Callable[[Pictures], Any]] = {
    DECODING: lambda pictures: _decoding(pictures, resize=False),
    RESIZING: lambda pictures: _decoding(pictures, resize=True),
    OURS: lambda pictures: _ours(pictures, cache="none"),
    CACHED: lambda pictures: _ours(pictures, cache="memory"),
    SERIAL: lambda pictures: _shuffling_pictures(pictures, parallel=False, rewritten=False),
    REWRITTEN: lambda pictures: _shuffling_pictures(pictures, parallel=False),
    PARALLEL: lambda pictures: _shuffling_pictures(pictures, parallel=True),
    KERAS: _keras,
}


def _print_table(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table(title=title, box=box.SIMPLE)
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    PlainConsole().print(table)


def _print_markdown(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    print(f"{title}\n")
    for row in (headings, ["---", *("---:" for _ in headings[1:])], *rows):
        print(f"| {' | '.join(row)} |")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "overrides", nargs="*", help="as for run.py: data.dir=DIR, data.image_size=..., device.threads=..."
    )
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each case (5)")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    return parser


if __name__ == "__main__":
    sys.exit(main())
