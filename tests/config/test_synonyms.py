"""The table of common names: what it leads to is there, and can be run."""

import inspect

import pytest
from omegaconf import OmegaConf

from exp.config import parse, synonyms
from exp.config.flat import flat
from exp.run.instantiate import instantiate
from tests.support.conf import CONF, composed


def test_every_key_that_is_meant_is_there():
    keys = {"hydra.run.dir", "hydra.launcher.n_jobs"}
    for path in CONF.glob("*/*.yaml"):
        content = OmegaConf.to_container(OmegaConf.load(path))
        keys |= {path.parent.name, *(f"{path.parent.name}.{key}" for key in flat(content))}
    keys |= set(flat(composed()))
    assert set(synonyms.KEYS.values()) - keys == set()


def test_every_choice_that_is_meant_is_there():
    for (group, name), meant in synonyms.CHOICES.items():
        assert not (CONF / group / f"{name}.yaml").exists()
        assert (CONF / group / f"{meant.partition(',')[0].split()[0].partition('=')[2]}.yaml").exists()


def test_the_table_has_all_of_keras(tf):
    import keras

    classes = {
        name: value
        for name, value in vars(keras.optimizers).items()
        if inspect.isclass(value) and issubclass(value, keras.optimizers.Optimizer)
    }
    ours, bases, around = (
        {"Adam", "AdamW", "Lion", "RMSprop", "SGD"},
        {"Optimizer"},
        {"LossScaleOptimizer", "MultiOptimizer"},
    )
    assert set(classes) - ours - bases - around == set(synonyms.KERAS_OPTIMIZERS)
    for key in synonyms.KERAS_KEYS:
        assert key in inspect.signature(keras.optimizers.Adam).parameters
    assert set(synonyms.KERAS_KEYS) - set(inspect.signature(keras.optimizers.SGD).parameters) == {"amsgrad"}


@pytest.mark.parametrize(("name", "before"), synonyms.KERAS_OPTIMIZERS.items())
def test_what_a_hint_says_about_an_optimizer_works(tf, name, before):
    import keras

    config = parse(composed(*before.split(), f"optimizer._target_=keras.optimizers.{name}"))
    optimizer = instantiate("optimizer", config.optimizer, ())
    assert type(optimizer) is getattr(keras.optimizers, name)
