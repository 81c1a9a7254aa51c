"""PYTHONPATH=. python ../../../run.py --config-dir=conf data=throws model=net task=regression trusted_targets=[throws.] train.epochs=50

How far a ball flies that is thrown with some speed and at some angle, and is slowed down by the air: a table of numbers,
from which a small network learns the distance.
"""

import keras
import numpy as np

import exp.data

GRAVITY = 9.81


def distance(speed, angle, drag):
    """In metres: of a throw from the ground, in steps of a hundredth of a second."""
    x, y = np.zeros_like(speed), np.zeros_like(speed)
    u, v = speed * np.cos(angle), speed * np.sin(angle)
    for _ in range(500):
        flying = y >= 0
        fast = np.hypot(u, v)
        x, y = x + flying * u * 0.01, y + flying * v * 0.01
        u, v = u - 0.01 * drag * fast * u, v - 0.01 * (GRAVITY + drag * fast * v)
    return x


def load(*, throws: int = 3000):
    """A row for each throw: speed in m/s, angle in radians, drag in 1/m. A third of them is for testing."""
    random = np.random.default_rng(0)
    speed, angle = random.uniform(5, 25, throws), random.uniform(0.1, 1.4, throws)
    drag = random.uniform(0, 0.05, throws)
    table = np.stack([(speed - 15) / 6, angle - 0.75, drag * 20], axis=1)
    metres = distance(speed, angle, drag)
    cut = throws * 2 // 3
    return exp.data.arrays(train=(table[:cut], metres[:cut]), test=(table[cut:], metres[cut:]), name="throws")


def create(*, inputs):
    """A network with one output."""
    layers = [keras.layers.Input(inputs.shape), keras.layers.Dense(32, activation="tanh"), keras.layers.Dense(1)]
    return keras.Sequential(layers)
