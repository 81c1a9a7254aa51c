"""PYTHONPATH=. python ../../../run.py --config-dir=conf data=letters model=rnn trusted_targets=[letters.] train.epochs=20 optimizer.learning_rate=0.01 'hooks=[{_target_: letters.sample, every: 200}]'

A language model over the characters of this project's own guide: at each place of a window, the next one is predicted.
TensorBoard shows, under Text, what it writes on its own.
"""

from pathlib import Path

import keras
import numpy as np

import exp.data

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "guide"


def read():
    """The text of the English pages, and the letters in it."""
    pages = sorted(path for path in GUIDE.glob("*.md") if not path.name.endswith(".zh.md"))
    text = "".join(path.read_text(encoding="utf-8") for path in pages)
    return text, sorted(set(text))


def load(*, window: int = 40):
    """Windows of the text, one after the other; the last tenth of it is for testing."""
    text, known = read()
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


def sample(step, predict, log, *, letters: int = 200, window: int = 40):
    """Let the model go on from the first words of the text, letter by letter."""
    text, known = read()
    written = [known.index(letter) for letter in text[:window]]
    random = np.random.default_rng(step)
    for _ in range(letters):
        logits = predict(np.array([written[-window:]], np.int32))[0, -1].astype(float)
        chances = np.exp(logits - logits.max())
        written.append(random.choice(len(known), p=chances / chances.sum()))
    log.text("written", "".join(known[letter] for letter in written[window:]))
