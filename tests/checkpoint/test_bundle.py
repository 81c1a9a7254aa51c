"""The files of a checkpoint, wherever they lie."""

import numpy as np
import pytest

from exp.checkpoint import bundle


@pytest.mark.parametrize("folder", ["plain", "run [1]", "*", "a?b", "{a,b}", "back\\slash", "é"])
def test_what_was_written_is_read_again(tf, tmp_path, folder):
    """TensorFlow takes a name for a pattern where it reads."""
    prefix = tmp_path / folder / "ckpt-1"
    prefix.parent.mkdir()
    written = bundle.write(prefix, {"a": np.arange(3.0), "b": np.ones((2, 2))}, b"")
    assert [path.parent for path in written] == [prefix.parent] * 2
    read = bundle.read(prefix, ["b", "a"])
    assert read["a"].tolist() == [0.0, 1.0, 2.0]
    assert read["b"].shape == (2, 2)
