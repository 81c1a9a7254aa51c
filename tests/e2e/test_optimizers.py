"""Optimizers other than the two in `conf/`, from the command line: right in every mode, or refused by name."""

import json

import numpy as np
import pytest

from tests.support.conf import choices
from tests.support.jobs import losses

MODES = choices("exec")
ADAM = ["optimizer._target_=keras.optimizers.Adam"]
PLAIN = ["~optimizer.beta_1", "~optimizer.beta_2", "~optimizer.epsilon"]
LOSS_SCALE = [
    "optimizer._target_=keras.optimizers.LossScaleOptimizer",
    "+optimizer.inner_optimizer={_target_:keras.optimizers.SGD}",
    *("~optimizer.learning_rate", *PLAIN),
]
OWN = ["optimizer._target_=tests.support.optimizers.talkative", "trusted_targets=[tests.]", *PLAIN]


def rows(folder, prefix):
    """The figures of metrics.jsonl that begin so, by step."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    found = {line["step"]: {k: v for k, v in line.items() if k.startswith(prefix)} for line in lines}
    return {step: figures for step, figures in found.items() if figures}


def test_accumulated_gradients_are_the_same_in_every_mode(jobs, small_mnist, tmp_path):
    """A session used to take `(step + 1) % 4 == 0` for Python's False, and never updated a weight."""
    options = [*ADAM, "+optimizer.gradient_accumulation_steps=4", "data.source=idx", f"data.dir={small_mnist}"]
    options += ["train.steps=50", "summary.every=1"]
    started = [
        jobs.start([*options, f"exec={mode}", "exec.jit_compile=false", f"hydra.run.dir={mode}"], tmp_path)
        for mode in MODES
    ]
    for job in started:
        job.result().check()
    for mode in MODES[1:]:
        np.testing.assert_allclose(losses(tmp_path / mode), losses(tmp_path / "eager"), rtol=1e-4)
    first, *_, last = losses(tmp_path / "session")
    assert last < first * 0.75


@pytest.mark.parametrize(
    ("options", "begins"),
    [
        (["+optimizer.use_ema=true"], "optimizer.use_ema=true: Keras puts the averages into the model only at the end"),
        (["+optimizer.loss_scale_factor=128.0"], "optimizer.loss_scale_factor=128.0: Keras divides gradients by it"),
        (
            ["+optimizer.clipnorm=0.5", "device=virtual"],
            "optimizer.clipnorm=0.5: Keras clips the share of each replica",
        ),
        (
            ["+optimizer.gradient_accumulation_steps=4", "device=virtual"],
            "optimizer.gradient_accumulation_steps=4: Keras cannot accumulate on 2 replicas",
        ),
        (LOSS_SCALE, "optimizer._target_=keras.optimizers.LossScaleOptimizer: it divides gradients by its scale"),
    ],
)
@pytest.mark.parametrize("mode", ["function", "fit"])
def test_what_keras_does_otherwise_is_refused_before_tensorflow_is_imported(jobs, tmp_path, options, begins, mode):
    done = jobs.run(*([] if options is LOSS_SCALE else ADAM), *options, f"exec={mode}", cwd=tmp_path)
    assert (done.status, done.errors.count("\n")) == (2, 1)
    assert done.errors.startswith(begins)
    assert not (tmp_path / "outputs").exists()


@pytest.mark.parametrize("where", ["update_step", "apply"])
def test_figures_of_an_optimizer_appear_in_every_mode(jobs, small_mnist, tmp_path, where):
    options = [*OWN, f"+optimizer.where={where}", "data.source=idx", f"data.dir={small_mnist}"]
    options += ["train.steps=4", "summary.figures=2", "exec.jit_compile=false"]
    started = [jobs.start([*options, f"exec={mode}", f"hydra.run.dir={mode}"], tmp_path) for mode in MODES]
    for job in started:
        job.result().check()
    expected = rows(tmp_path / "eager", "gradient/")
    names = ["gradient/first"] if where == "apply" else [f"gradient/{number}" for number in range(4)]
    assert {step: sorted(figures) for step, figures in expected.items()} == {2: names, 4: names}
    for mode in MODES[1:]:
        got = rows(tmp_path / mode, "gradient/")
        assert got.keys() == expected.keys()
        for step, figures in expected.items():
            assert got[step] == pytest.approx(figures, rel=1e-4)


@pytest.mark.parametrize("mode", ["eager", "function"])
def test_figures_that_cannot_be_taken_out_on_replicas_are_refused(jobs, small_mnist, tmp_path, mode):
    options = [*OWN, "data.source=idx", f"data.dir={small_mnist}", "train.steps=4", "summary.figures=2"]
    options += [f"exec={mode}", "device=virtual"]
    done = jobs.run(*options, "+optimizer.where=update_step", cwd=tmp_path)
    assert done.status == 2
    assert done.errors.startswith("summary.scalar('gradient/0'): is logged by Talkative.update_step")
    jobs.run(*options, "+optimizer.where=apply", "hydra.run.dir=apply", cwd=tmp_path).check()
    assert sorted(rows(tmp_path / "apply", "gradient/")) == [2, 4]
