"""PYTHONPATH=. python ../../../run.py --config-dir=conf data=orders model=both trusted_targets=[orders.] train.epochs=20

Two inputs: what is in an order, as numbers of articles, and figures about it, such as its price. The class is how it is
sent: as a letter, as a parcel, or by a truck.
"""

import keras
import numpy as np

import exp.data

ARTICLES, MOST = 30, 6
KINDS = ("letter", "parcel", "truck")


def load(*, orders: int = 3000):
    """Orders of up to six articles; the article 0 is none."""
    random = np.random.default_rng(0)
    weights = np.concatenate([[0], random.lognormal(0, 1.5, ARTICLES - 1)])
    articles = random.integers(0, ARTICLES, (orders, MOST)) * (random.uniform(size=(orders, MOST)) < 0.6)
    figures = np.stack([random.uniform(0, 1, orders), random.integers(0, 2, orders)], axis=1)
    weight = weights[articles].sum(axis=1) * (1 + figures[:, 1])
    kind = np.digitize(weight, [2, 12])
    cut = orders * 2 // 3
    features = {"articles": articles, "figures": figures}
    train, test = ({name: array[part] for name, array in features.items()} for part in (slice(cut), slice(cut, None)))
    return exp.data.arrays(train=(train, kind[:cut]), test=(test, kind[cut:]), name="orders", class_names=KINDS)


def create(*, inputs, classes):
    """Each article has a vector that is learned; their sum and the figures go into the same layers."""
    given = {name: keras.Input(spec.shape, dtype=spec.dtype.name, name=name) for name, spec in inputs.items()}
    vectors = keras.layers.Embedding(ARTICLES, 8)(given["articles"])
    content = keras.layers.Flatten()(vectors)
    both = keras.layers.Concatenate()([content, given["figures"]])
    hidden = keras.layers.Dense(32, activation="relu")(both)
    return keras.Model(given, keras.layers.Dense(classes)(hidden))
