"""The process of a rival: `python -m benchmarks.rival NAME NETWORK BATCH_SIZE`.

It reads a number of steps a line, trains so many, and answers with the seconds that they took. While it waits, it
uses no core, so that rivals can take turns.
"""

import json
import os
import sys

import numpy as np

from benchmarks.rivals import Work, make
from exp.system.machine import available_cores


def main() -> None:
    """Serve until the input ends."""
    from exp.data import mnist

    name, network, batch_size = sys.argv[1:]
    # Libraries print what they like; the answers have a way of their own.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    pictures, labels = mnist.bundled_arrays("train")
    scaled = pictures.astype(np.float32) / np.float32(255)
    train = make(name, Work(network, int(batch_size), available_cores(), scaled, labels))
    for line in sys.stdin:
        answers.write(json.dumps(train(int(line))) + "\n")


if __name__ == "__main__":
    main()
