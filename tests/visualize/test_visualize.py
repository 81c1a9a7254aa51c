"""What is drawn: sizes, colours and figures; how it looks is for people."""

import signal

import numpy as np
import pytest

from exp.data import Dataset, Feed, ImageTransforms, Order, Spec, array_split
from exp.data.dataset import LABELS
from exp.system.signals import Stopped, StopRequest
from exp.visualize.charts import class_mixing_chart, confusion_chart
from exp.visualize.class_mixing import class_mixings
from exp.visualize.class_predictions import ClassPredictions, predict_classes, worst_images_grid
from exp.visualize.given_pictures import given_pictures_grid, worst_given
from exp.visualize.image_batches import image_batches_grid
from exp.visualize.image_grid import CAPTION, GAP, SIDE, TITLE, WRONG, ImageRow, draw_image_grid


def pictures(count: int, shade: int = 200, channels: int = 3):
    return np.full((count, 8, 8, channels), shade, np.uint8)


def corner(image, number: int):
    """The colour of a picture's middle."""
    return image[TITLE + SIDE // 2, GAP + number * (SIDE + GAP) + SIDE // 2].tolist()


def test_a_grid_holds_every_picture_in_order():
    image = draw_image_grid(
        [ImageRow("title", np.concatenate([pictures(1, shade) for shade in range(0, 200, 10)]), ["x"] * 20)]
    )
    assert image.shape == (TITLE + 2 * (SIDE + CAPTION + GAP) + GAP, 16 * (SIDE + GAP) + GAP, 3)
    assert [corner(image, number)[0] for number in range(16)] == list(range(0, 160, 10))
    assert (image[:TITLE] < 128).any()


def test_grey_and_stretched_pictures_are_shown():
    floats = np.linspace(-2, 2, 2 * 64, dtype=np.float32).reshape(2, 8, 8, 1)
    image = draw_image_grid([ImageRow("grey", pictures(2, 7, channels=1), "ab"), ImageRow("floats", floats, "ab")])
    assert corner(image, 0) == [7, 7, 7]
    second = 2 * TITLE + SIDE + CAPTION + GAP
    dark, light = image[second : second + SIDE, GAP : GAP + SIDE], image[second : second + SIDE, 2 * GAP + SIDE :]
    assert dark.min() == 0
    assert 120 < dark.max() < light[:, :SIDE].min() + 10
    assert light[:, :SIDE].max() == 255


def test_long_captions_do_not_run_into_each_other():
    image = draw_image_grid([ImageRow("", pictures(2), ["W" * 100, ""], [WRONG, WRONG])])
    beside = image[TITLE + SIDE :, GAP + SIDE : 2 * GAP + SIDE]
    assert (beside == 255).all()


@pytest.fixture
def dataset() -> Dataset:
    """20 training and 10 test pictures; the shade of each tells its class."""
    labels = np.arange(20, dtype=np.int32) % 2
    shades = (labels * 100 + 50).astype(np.uint8)[:, None, None, None] * np.ones((1, 8, 8, 3), np.uint8)
    return Dataset(
        name="x",
        source="x",
        train=array_split(shades, labels),
        test=array_split(shades[:10], labels[:10]),
        features=Spec((8, 8, 3), "uint8"),
        targets=LABELS,
        class_names=("dark", "light"),
        fingerprint="",
    )


def feed(*wanted) -> Feed:
    made = ImageTransforms(wanted, features=Spec((8, 8, 3), "uint8"))
    return Feed(batch_size=4, steps_per_call=3, transforms=made, threads=1, prefetch=1)


def test_batches_are_shown_before_and_after_transforms(tf, dataset):
    from exp.config.transform_schema import Normalize

    order = Order(seed=0, size=20, buffer_size=1, batch_size=4)
    one = image_batches_grid(dataset, order=order, feed=feed())
    both = image_batches_grid(dataset, order=order, feed=feed(Normalize(name="normalize")))
    assert both.shape[0] - GAP == 2 * (one.shape[0] - GAP)
    assert [corner(one, number)[0] for number in range(4)] == [50, 150, 50, 150]
    assert [corner(both, number)[0] for number in range(4)] == [50, 150, 50, 150]


def test_predictions_know_the_worst_and_the_confusion(tf, dataset):
    from exp.data import evaluation_dataset

    def logits_of(batch):
        light = batch.numpy()[:, 0, 0, 0] > 100
        return np.stack([np.zeros(len(light)), np.where(light, 3.0, 1.0)], axis=1).astype(np.float32)

    found = predict_classes(evaluation_dataset(dataset.test, feed()), logits_of)
    assert found.labels.tolist() == [0, 1] * 5
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1)
    assert found.predicted.tolist() == [1] * 10
    assert sorted(found.worst_first()[:5].tolist()) == [0, 2, 4, 6, 8]
    assert found.confusion().tolist() == [[0, 5], [0, 5]]
    image = worst_images_grid(dataset, found)
    captions = image[26 + 128 : 26 + 128 + 16].reshape(-1, 3).astype(int)
    assert (captions[:, 0] - captions[:, 1] > 100).any(), "the worst come first, in red"


def test_confusions_of_many_classes_are_drawn():
    for classes in (2, 10, 40):
        image = confusion_chart(np.eye(classes, dtype=np.int64) * 5, [f"class {n}" for n in range(classes)])
        assert image.dtype == np.uint8
        assert 300 < image.shape[0] <= 1200
    labels, probabilities = np.array([0, 0, 1], np.int32), np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]])
    assert ClassPredictions(labels, probabilities).confusion().tolist() == [[1, 1], [0, 1]]


def test_shuffling_sorted_classes_as_measured():
    """12,500 cats, then 12,500 dogs, batches of 32: the share of dogs in the first 100 batches (see the guide)."""
    labels = np.repeat(np.arange(2, dtype=np.int32), 12_500)
    found = class_mixings(labels, classes=2, seed=0, batch_size=32, buffer_sizes=[1, 1000, 10_000, 25_000])
    dogs = [mixing.first_shares[1] for mixing in found]
    assert dogs[:2] == [0, 0]
    assert 0.002 < dogs[2] < 0.02
    assert 0.47 < dogs[3] < 0.53
    assert [round(mixing.unevenness, 2) for mixing in found[:2]] == [0.5, 0.5]
    assert found[3].unevenness < 0.1
    assert found[0].moved.max() == 0
    assert found[1].moved.mean() < found[2].moved.mean() < found[3].moved.mean()
    assert class_mixing_chart(found, ("cats", "dogs")).shape == (1040, 1100, 3)


def test_predictions_are_left_where_a_signal_asks():
    with StopRequest() as stop:
        stop.ask(signal.SIGTERM)
        with pytest.raises(Stopped):
            predict_classes([(None, None, None)], lambda pictures: pytest.fail("went on"))


def test_the_worst_of_what_is_given_comes_first(tf):
    """What a network gives for pictures; rows that only fill up a batch are left out."""
    shades = np.arange(40, dtype=np.float32) / 40
    taken = np.broadcast_to(shades[:, None, None, None], (40, 8, 8, 1)).reshape(2, 20, 8, 8, 1)
    counts = np.arange(40).reshape(2, 20) < 33
    batches = [(tf.constant(taken), tf.constant(taken), tf.constant(counts))]

    def compute(features, targets):
        pictures = features.numpy()
        return pictures[:, 0, 0, 0], pictures, pictures, 1 - pictures

    worst = worst_given(batches, compute)
    assert [one.example for one in worst] == list(range(32, 16, -1))
    assert worst[0].loss == pytest.approx(0.8)
    image = given_pictures_grid(worst, with_wanted=False)
    assert image.shape[0] == 2 * (TITLE + SIDE + CAPTION + GAP) + GAP
    assert corner(image, 0)[0] == round(0.8 * 255)
    assert corner(image[TITLE + SIDE + CAPTION + GAP :], 0)[0] == round((1 - np.float32(0.8)) * 255)
    assert given_pictures_grid(worst, with_wanted=True).shape[0] > image.shape[0]
