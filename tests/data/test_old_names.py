"""The former names of data sets: users' own go on working, and are told the new names."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

import exp.data
from exp.data import old_names
from exp.data.check import check_dataset
from exp.data.dataset import Dataset, Spec
from exp.data.old_names import as_dataset
from tests.support.splits import read

PICTURES = np.arange(12 * 16, dtype=np.uint8).reshape(12, 4, 4, 1)
LABELS = np.arange(12, dtype=np.int32) % 2


def former_part():
    """A part by hand, as it used to be: -1 is the label of the index -1."""

    def load_rows(indices):
        import tensorflow as tf

        labels = tf.gather(LABELS, tf.maximum(indices, 0))
        return tf.gather(PICTURES, tf.maximum(indices, 0)), tf.where(indices < 0, -tf.ones_like(labels), labels)

    with pytest.warns(FutureWarning, match=r"exp\.data\.Part is now called exp\.data\.Split"):
        return exp.data.Part(labels=LABELS, read=lambda requests, threads: requests.map(load_rows))


def former_splits(part):
    with pytest.warns(FutureWarning, match=r"exp\.data\.Splits is now called exp\.data\.Dataset"):
        return exp.data.Splits("own", "made", part, part, (4, 4, 1), "uint8", ("a", "b"), "0")


def test_a_former_data_set_becomes_one_that_can_be_trained_on(tf):
    dataset = as_dataset(former_splits(former_part()))
    assert isinstance(dataset, Dataset)
    assert (dataset.features, dataset.classes, dataset.fingerprint) == (Spec((4, 4, 1), "uint8"), 2, "0")
    assert (dataset.train.size, dataset.test.size) == (12, 12)
    check_dataset(dataset, what="data=own")
    pictures, labels = read(dataset.train, [[3, -1], [4, 5]])
    assert labels.tolist() == [[1, 0], [0, 1]]
    np.testing.assert_array_equal(pictures[1], PICTURES[[4, 5]])


def test_a_former_part_goes_into_a_data_set_of_today(tf):
    with pytest.warns(FutureWarning, match="array_split"):
        split = old_names.array_part(PICTURES, LABELS)
    dataset = as_dataset(replace(as_dataset(former_splits(split)), train=former_part()))
    check_dataset(dataset, what="data=own")
    with pytest.warns(FutureWarning, match=r"Split\.targets"):
        assert dataset.train.labels is dataset.train.targets


def test_what_is_no_data_set_stays_what_it_is():
    assert as_dataset(None) is None


def test_the_old_module_can_still_be_imported_from():
    code = (
        "from exp.data.base import Part, Splits, array_part, fingerprint_of; import exp.data.base; exp.data.base.Labels"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
