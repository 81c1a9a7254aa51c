"""PYTHONPATH=. python ../../../run.py --config-dir=conf model=pair task=drawing trusted_targets=[drawn_digits.] train.epochs=5 optimizer.learning_rate=0.0002 optimizer.beta_1=0.5

A generative adversarial network: one model draws digits from random numbers, the other tells drawn digits from real ones,
and each has an optimizer of its own. TensorBoard shows what is drawn, under Images.
"""

import keras
import tensorflow as tf

from exp import summary

NUMBERS = 64


def create(*, inputs):
    """Two models by name."""
    height, width, channels = inputs.shape
    drawer = keras.Sequential(
        [
            keras.layers.Input((NUMBERS,)),
            keras.layers.Dense(256, activation="relu"),
            keras.layers.Dense(height * width * channels, activation="sigmoid"),
            keras.layers.Reshape((height, width, channels)),
        ]
    )
    critic = keras.Sequential(
        [
            keras.layers.Input(inputs.shape),
            keras.layers.Flatten(),
            keras.layers.Dense(256, activation=keras.layers.LeakyReLU(0.2)),
            keras.layers.Dense(1),
        ]
    )
    return {"drawer": drawer, "critic": critic}


def losses(logits, real):
    """(rows,): how wrong the critic is, if it should take all rows for real, or none."""
    return tf.nn.sigmoid_cross_entropy_with_logits(tf.fill(tf.shape(logits), float(real)), logits)[:, 0]


def train_step(model, optimizer, features, random):
    """The critic learns to tell both kinds apart, and then the drawer, to be taken for real."""
    numbers = random.normal((NUMBERS,))
    with tf.GradientTape() as tape:
        drawn = model["drawer"](numbers, training=True)
        wrong = losses(model["critic"](features, training=True), real=True)
        wrong += losses(model["critic"](drawn, training=True), real=False)
        critic = tf.reduce_mean(wrong)
    optimizer["critic"].minimize(critic, model["critic"].trainable_variables, tape)
    with tf.GradientTape() as tape:
        drawn = model["drawer"](numbers, training=True)
        drawer = tf.reduce_mean(losses(model["critic"](drawn, training=True), real=True))
    optimizer["drawer"].minimize(drawer, model["drawer"].trainable_variables, tape)
    summary.image("drawn", drawn)
    return {"critic": critic, "drawer": drawer}


def measure(model, features, random):
    """For each row, the critic's loss with its picture and with a drawn one, and whether that is taken for real."""
    drawn = model["critic"](model["drawer"](random.normal((NUMBERS,)), training=False), training=False)
    loss = losses(model["critic"](features, training=False), real=True) + losses(drawn, real=False)
    return {"loss": loss, "drawn_taken_for_real": drawn[:, 0] > 0}
