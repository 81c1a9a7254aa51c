"""Own figures: what is collected, and what is refused."""

import subprocess
import sys

import numpy as np
import pytest

from exp.errors import UserError
from exp.loggers import collect


def test_outside_of_a_step_nothing_happens():
    collect.scalar("x", "not even a number")


def test_each_kind_is_collected(tf):
    with collect.collected() as found:
        collect.scalar("a/b", 3)
        collect.image("picture", np.full((5, 2, 2, 1), 0.5))
        collect.audio("sound", np.zeros((1, 10, 2)), sample_rate=8000)
        collect.histogram("values", np.arange(6).reshape(2, 3))
        collect.text("words", "hello")
    assert list(found) == ["scalar/a/b", "image/picture", "audio/8000/sound", "histogram/values", "text/words"]
    assert found["image/picture"].shape == (3, 2, 2, 1)
    assert found["image/picture"].numpy().flat[0] == 128
    assert found["histogram/values"].numpy().tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("log", "sentence"),
    [
        (lambda: [collect.scalar("x", 1), collect.scalar("x", 2)], "is logged twice in one step"),
        (lambda: collect.scalar("train/loss", 1), "is the name of another figure"),
        (lambda: collect.scalar("x", [1, 2]), r"has the shape \(2,\); must be \(\)"),
        (lambda: collect.image("x", np.zeros((2, 2))), "must be \\(n, height, width, channels\\)"),
    ],
)
def test_what_cannot_be_is_said(tf, log, sentence):
    with pytest.raises(UserError, match=sentence), collect.collected():
        log()


def test_a_tensor_of_an_inner_graph_is_refused(tf):
    @tf.function(autograph=False)
    def step(x):
        with collect.collected() as found:
            tf.cond(x > 0, lambda: collect.scalar("inner", x * 2) or x, lambda: x)
        return found

    with pytest.raises(UserError, match=r"made inside a tf\.cond"):
        step(tf.constant(1.0))


def test_values_for_tensorboard(tf):
    from exp.loggers.event_values import summary_values

    assert summary_values("scalar/x", np.float32(2))[0].simple_value == 2
    assert [value.tag for value in summary_values("image/x", np.zeros((2, 4, 5, 3), np.uint8))] == ["x/0", "x/1"]
    sound = summary_values("audio/8000/a/b", np.zeros((1, 16, 1), np.float32))[0]
    assert (sound.tag, sound.audio.sample_rate, sound.audio.length_frames) == ("a/b", 8000, 16)
    assert summary_values("histogram/x", np.array([1, np.nan, 2]))[0].tensor.tensor_shape.dim[0].size == 30
    assert summary_values("histogram/x", np.array([np.nan])) == []
    assert summary_values("text/x", np.array(b"words"))[0].tensor.string_val == [b"words"]


def test_the_old_name_still_works_and_warns_once():
    code = (
        "import warnings; warnings.simplefilter('always')\n"
        "from exp import figures, summary\n"
        "from exp.figures import histogram\n"
        "figures.scalar('x', 1), figures.scalar('x', 2), figures.text('y', 'z')\n"
        "assert figures.scalar is summary.scalar and histogram is summary.histogram\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.count("FutureWarning: exp.figures is now called exp.summary") == 1
