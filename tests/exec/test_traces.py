"""Traces: the handbook's quiz, and what each kind of argument does."""

import numpy as np
import pytest


@pytest.fixture
def function(tf):
    from exp.exec.traces import traced

    @traced
    def f(x):
        tf.print(x, output_stream="file:///dev/null")

    return f


def causes(function):
    return [trace.cause for trace in function.log.traces]


def test_the_handbooks_quiz(tf, function):
    """Calls with tensors, NumPy values and Python numbers, in its order; its answer is a trace for each of six."""
    counts = []
    for argument in (
        *(tf.constant(1, tf.int32), tf.constant(2, tf.int32), np.array(2, np.int32)),
        *(tf.constant(0.1, tf.float32), tf.constant(0.2, tf.float32)),
        *(1, 2, 1, 0.1, 0.2, 0.1),
    ):
        function(argument)
        counts.append(len(function.log.traces))
    assert counts == [1, 1, 1, 2, 2, 3, 4, 4, 5, 6, 6]
    assert causes(function) == [
        None,
        "argument x is float32 (), and was int32 ()",
        "argument x is Python 1, and was float32 ()",
        "argument x is Python 2, and was Python 1",
        "argument x is Python 0.1, and was Python 2",
        "argument x is Python 0.2, and was Python 0.1",
    ]
    report = function.report().splitlines()
    assert report[0] == "f: 6 traces"
    assert "first call (x: int32 ())" in report[1]
    assert "pass a tensor, such as tf.constant" in report[4]


def test_shapes_are_named_with_their_remedy(tf, function):
    function(tf.zeros(3))
    function(tf.zeros(4))
    assert causes(function)[1] == "argument x is float32 (4,), and was float32 (3,)"
    assert "input_signature" in function.log.traces[1].remedy
    assert function.log.warnings() == [
        f"the f step was traced 2 times instead of once ({function.log.traces[1].seconds:.1f} s more): "
        "argument x is float32 (4,), and was float32 (3,); give tf.function an input_signature with None where sizes "
        "vary, or reduce_retracing=True"
    ]


def test_parts_of_a_structure_are_numbered(tf, function):
    function((tf.zeros(2), 1))
    function((tf.zeros(2), 2))
    assert causes(function)[1] == "argument x[1] is Python 2, and was Python 1"


def test_a_keras_fit_with_odd_batches_is_counted(tf):
    """The last batch of a data set may be smaller: Keras makes a second graph for it, or one for any size."""
    import keras

    from exp.exec.observed_model import Observed
    from exp.exec.traces import TraceLog

    log = TraceLog()
    inputs = keras.Input((3,))
    model = Observed(inputs, keras.layers.Dense(2)(inputs), traces=log)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    for size in (4, 6):
        model.fit(np.zeros((size, 3), np.float32), np.zeros(size, np.int32), batch_size=size, verbose=0)
    assert [trace.cause for trace in log.of("train")] == [
        None,
        "argument features is float32 (None, 3), and was float32 (4, 3)",
    ]
    assert "reduce_retracing" in log.warnings()[0]
