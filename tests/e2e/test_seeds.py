"""One seed at a time: what each of them changes, and what it leaves alone."""

import numpy as np
import pytest

from tests.support.jobs import losses, results

DROPPING = ["model._target_=tests.support.models.dropping", "~model.hidden", "trusted_targets=[tests.]"]
STILL = ["optimizer=sgd", "optimizer.learning_rate=1.0e-60"]
"""Leaves the weights as they were at the beginning."""


def seeds(*, init: int, order: int, augment: int) -> list[str]:
    return [f"seeds.init={init}", f"seeds.order={order}", f"seeds.augment={augment}"]


@pytest.fixture(scope="module")
def trained(jobs, small_mnist, tmp_path_factory):
    """Runs by their seeds: of a network with dropout whose weights move, and whose weights stay."""
    folder = tmp_path_factory.mktemp("seeds")
    given = ["data.source=idx", f"data.dir={small_mnist}", "train.steps=5", "summary.every=1", "summary.images=false"]
    asked = {
        "zero": ["seed=0"],
        "all zero": ["seed=7", *seeds(init=0, order=0, augment=0)],
        "seven": ["seed=7"],
        "all seven": ["seed=0", *seeds(init=7, order=7, augment=7)],
        "init": ["seeds.init=7"],
        "order": ["seeds.order=7"],
        "augment": ["seeds.augment=7"],
        "plain": ["model=mlp"],
        "plain augment": ["model=mlp", "seeds.augment=7"],
    }
    lines = []
    for name, words in asked.items():
        model = [] if name.startswith("plain") else DROPPING
        lines.append([*given, *model, *words, f"hydra.run.dir={name.replace(' ', '-')}"])
        lines.append([*given, *model, *words, *STILL, f"hydra.run.dir={name.replace(' ', '-')}-still"])
    for done in jobs.start_many(lines, folder).result():
        done.check()
    return lambda name: folder / name


def weights(run):
    return results(run)["weights_sha256"]


def test_a_seed_that_is_null_is_the_seed(trained):
    assert weights(trained("zero")) == weights(trained("all-zero")) != weights(trained("seven"))
    assert weights(trained("seven")) == weights(trained("all-seven"))


def test_each_seed_changes_what_it_is_for_and_nothing_else(trained):
    assert len({weights(trained(name)) for name in ("zero", "seven", "init", "order", "augment")}) == 5
    initial = {name: weights(trained(f"{name}-still")) for name in ("zero", "init", "order", "augment")}
    assert initial["zero"] == initial["order"] == initial["augment"] != initial["init"]
    first = {name: losses(trained(f"{name}-still")) for name in ("zero", "order", "augment")}
    assert first["zero"] != first["order"] != first["augment"] != first["zero"]
    # The network without dropout tells that the order of the examples is not the third seed's.
    assert weights(trained("plain")) == weights(trained("plain-augment"))


def test_dropout_with_a_seed_of_its_own_is_the_same_in_every_mode(jobs, small_mnist, tmp_path):
    given = ["data.source=idx", f"data.dir={small_mnist}", "train.steps=5", "summary.every=1", "summary.images=false"]
    modes = ("function", "eager", "session", "fit")
    for mode in modes:
        line = [*given, *DROPPING, f"exec={mode}", "seeds.augment=7", f"hydra.run.dir={mode}"]
        jobs.run(*line, cwd=tmp_path).check()
    for mode in modes[1:]:
        np.testing.assert_allclose(losses(tmp_path / mode), losses(tmp_path / "function"), rtol=1e-5)


@pytest.mark.parametrize("scope", ["model", "all"])
def test_dropout_of_a_warm_started_run_is_its_own(jobs, small_mnist, tmp_path, scope):
    given = ["data.source=idx", f"data.dir={small_mnist}", "train.steps=5", "summary.every=1", "summary.images=false"]
    jobs.run(*given, *DROPPING, "hydra.run.dir=base", cwd=tmp_path).check()
    warm = ["checkpoint.restore=base", f"checkpoint.scope={scope}"]
    for seed in (0, 1):
        line = [*given, *DROPPING, *warm, f"seeds.augment={seed}", f"hydra.run.dir=warm-{seed}"]
        jobs.run(*line, cwd=tmp_path).check()
    assert weights(tmp_path / "warm-0") != weights(tmp_path / "warm-1")
