"""What each run of a rival trains on, and where it writes what came out."""

import argparse
import functools
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt

BATCH_SIZE = 50
TEST_BATCH_SIZE = 1000
LEARNING_RATE = 0.001
CHECKPOINT_EVERY = 100
LOG_EVERY = 10

Split = tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]


@functools.cache
def read(data: Path, split: str) -> Split:
    """The `train` or `test` split: (n, 28, 28, 1) pictures in 0..1, and (n,) labels. A process reads it once."""
    pictures = np.load(data / f"{split}_pictures.npy")
    return pictures.astype(np.float32) / 255, np.load(data / f"{split}_labels.npy")


def folder_of(out: Path, seed: int) -> Path:
    """Where a run writes."""
    return out / f"seed-{seed}"


def write_accuracy(folder: Path, accuracy: float) -> None:
    """Write the result of a run, under the name that it has in ours."""
    (folder / "results.json").write_text(json.dumps({"test": {"accuracy": accuracy}}) + "\n")


def arguments() -> argparse.Namespace:
    """The command line of a rival: `runs`, `data`, `out`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, required=True, help="seeds, from 0")
    parser.add_argument("--data", type=Path, required=True, help="the folder of the arrays")
    parser.add_argument("--out", type=Path, required=True, help="where the folders of the runs go")
    return parser.parse_args()
