"""PYTHONPATH=. python ../../../run.py --config-dir=conf data=strokes model=bottleneck task=regression ~task.metrics.r2 trusted_targets=[strokes.] train.epochs=30

An autoencoder: there are no targets, and the model learns to give its pictures back from a few numbers.
"""

import math

import keras
import numpy as np

import exp.data

SIZE = 12


def load(*, pictures: int = 1500):
    """Pictures of a stroke each, uint8, which reach the model as 0..1."""
    random = np.random.default_rng(0)
    angle, place = random.uniform(0, np.pi, (2, pictures, 1, 1))
    y, x = np.mgrid[0:SIZE, 0:SIZE] - (SIZE - 1) / 2
    away = x * np.cos(angle) + y * np.sin(angle) - (place - np.pi / 2) * 2
    drawn = np.rint(255 * np.exp(-(away**2)))[..., np.newaxis].astype(np.uint8)
    cut = pictures * 2 // 3
    return exp.data.arrays(train=drawn[:cut], test=drawn[cut:], name="strokes")


def create(*, inputs, numbers: int = 4):
    """Down to a few numbers, and back."""
    return keras.Sequential(
        [
            keras.layers.Input(inputs.shape),
            keras.layers.Flatten(),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(numbers),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(math.prod(inputs.shape), activation="sigmoid"),
            keras.layers.Reshape(inputs.shape),
        ]
    )
