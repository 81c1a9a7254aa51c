"""PYTHONPATH=. python ../../../run.py --config-dir=conf data=letters model=rnn trusted_targets=[letters.] train.epochs=20 optimizer.learning_rate=0.01

A language model over the characters of this project's own guide: at each place of a window, the next one is predicted.
"""

from pathlib import Path

import keras
import numpy as np

import exp.data

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "guide"


def load(*, window: int = 40):
    """Windows of the English pages, one after the other; the last tenth of the text is for testing."""
    pages = sorted(path for path in GUIDE.glob("*.md") if not path.name.endswith(".zh.md"))
    text = "".join(path.read_text(encoding="utf-8") for path in pages)
    known = sorted(set(text))
    letters = np.array([known.index(letter) for letter in text], np.int32)
    windows = len(letters) // window - 1
    places = np.arange(windows)[:, None] * window + np.arange(window)
    given, following = letters[places], letters[places + 1]
    cut = windows * 9 // 10
    return exp.data.arrays(
        train=(given[:cut], following[:cut]), test=(given[cut:], following[cut:]), name="letters", class_names=known
    )


def create(*, inputs, classes):
    """A recurrent network that gives a logit for each letter at each place."""
    return keras.Sequential(
        [
            keras.layers.Input(inputs.shape, dtype=inputs.dtype.name),
            keras.layers.Embedding(classes, 32),
            keras.layers.GRU(64, return_sequences=True),
            keras.layers.Dense(classes),
        ]
    )
