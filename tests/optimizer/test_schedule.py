"""The learning rate of every step, against its formula in plain Python; and by TensorFlow as by NumPy."""

import math

import pytest
from pydantic import TypeAdapter

from exp.config.schedules import Schedule, goes_by_length, steps_of

PEAK, TOTAL = 0.5, 40


def schedule(**asked):
    from exp.optimizer.schedule import RunSchedule

    return RunSchedule(TypeAdapter(Schedule).validate_python(asked), peak=PEAK, total=TOTAL)


def expected(name, step, *, warmup, end=0.0, every=10, factor=0.1):
    """The factor of a step, counted from 0."""
    if step < warmup:
        return (step + 1) / warmup
    part = (step - warmup) / (TOTAL - warmup)
    return {
        "constant": 1.0,
        "cosine": end + (1 - end) * (1 + math.cos(math.pi * part)) / 2,
        "linear": 1 - (1 - end) * part,
        "step": factor ** ((step - warmup) // every),
    }[name]


@pytest.mark.parametrize("warmup", [0, 4, 0.25])
@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("constant", {}),
        ("cosine", {"end": 0.0}),
        ("cosine", {"end": 0.1}),
        ("linear", {"end": 0.0}),
        ("linear", {"end": 0.5}),
        ("step", {"every": 10, "factor": 0.1}),
        ("step", {"every": 0.25, "factor": 0.5}),
    ],
)
def test_every_step_has_the_rate_of_the_formula(tf, name, more, warmup):
    made = schedule(name=name, warmup=warmup, **more)
    numbers = {**more, "every": 10} if name == "step" else more
    for step in range(TOTAL):
        wanted = PEAK * expected(name, step, warmup=4 if warmup == 4 else 10 if warmup else 0, **numbers)
        assert made.at(step) == pytest.approx(wanted, rel=1e-5, abs=1e-7)
        assert float(made(tf.constant(step, tf.int64))) == pytest.approx(wanted, rel=1e-5, abs=1e-7)


def test_a_rewound_run_has_a_part_of_each_rate(tf):
    made = schedule(name="linear", warmup=0, end=0.0)
    made.factor.assign(0.25)
    assert float(made(tf.constant(0))) == PEAK / 4


def test_an_optimizer_that_has_counted_before_has_the_rates_of_the_run(tf):
    made = schedule(name="linear", warmup=0, end=0.0)
    made.before.assign(1000.0)
    for step in range(TOTAL):
        assert float(made(tf.constant(1000 + step, tf.int64))) == pytest.approx(made.at(step), abs=1e-6)


@pytest.mark.parametrize(
    ("asked", "by_length"),
    [
        ({"name": "constant", "warmup": 0}, False),
        ({"name": "constant", "warmup": 10}, False),
        ({"name": "constant", "warmup": 0.1}, True),
        ({"name": "cosine", "warmup": 0, "end": 0.0}, True),
        ({"name": "linear", "warmup": 0, "end": 0.0}, True),
        ({"name": "step", "warmup": 0, "every": 100, "factor": 0.1}, False),
        ({"name": "step", "warmup": 0, "every": 0.3, "factor": 0.1}, True),
    ],
)
def test_it_is_known_what_goes_by_the_length_of_the_run(asked, by_length):
    assert goes_by_length(TypeAdapter(Schedule).validate_python(asked)) is by_length


def test_a_fraction_is_one_of_all_steps():
    assert (steps_of(0.3, 1000), steps_of(7, 1000), steps_of(1, 1000)) == (300, 7, 1)
