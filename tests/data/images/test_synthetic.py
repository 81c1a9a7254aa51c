"""Drawn cats and dogs: real files, the same every time."""

import numpy as np
from PIL import Image

from exp.data.images import synthetic


def test_a_drawing_is_a_function_of_its_random_numbers():
    one, two, other = (np.asarray(synthetic.draw("cats", np.random.default_rng(seed))) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, two)
    assert one.shape != other.shape or (one != other).any()


def test_all_files_are_jpegs_of_different_sizes(tmp_path, monkeypatch):
    monkeypatch.setattr(synthetic, "SIZES", {"train": 6, "valid": 2})
    synthetic.draw_all(tmp_path)
    files = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.jpg"))
    assert len(files) == 16
    assert files[0] == "train/cats/cat.0.jpg"
    sizes = set()
    for file in files:
        with Image.open(tmp_path / file) as picture:
            assert (picture.format, picture.mode) == ("JPEG", "RGB")
            sizes.add(picture.size)
    assert len(sizes) > 8
