"""What people type from habit: each ends with a sentence that says what is meant here."""

import pytest

from tests.support.tried import problem

HABITS = {
    "lr=0.01": "lr: there is no such key; did you mean optimizer.learning_rate?",
    "learning_rate=0.1": "learning_rate: there is no such key; did you mean optimizer.learning_rate?",
    "optimizer.lr=0.1": "optimizer.lr: there is no such key; did you mean optimizer.learning_rate?",
    "bs=64": "bs: there is no such key; did you mean data.batch_size?",
    "batch_size=64": "batch_size: there is no such key; did you mean data.batch_size?",
    "data.batchsize=64": "data.batchsize: there is no such key; did you mean data.batch_size?",
    "epochs=3": "epochs: there is no such key; did you mean train.epochs?",
    "train.epoch=3": "train.epoch: there is no such key; did you mean train.epochs?",
    "trainer.max_epochs=3": "trainer.max_epochs: there is no such key; did you mean train.epochs?",
    "steps=100": "steps: there is no such key; did you mean train.steps?",
    "hidden=200": "hidden: there is no such key; did you mean model.hidden?",
    "model.units=50": "model.units: there is no such key; did you mean model.hidden?",
    "xla=true": "xla: there is no such key; did you mean exec.jit_compile?",
    "precision=16": "precision: there is no such key; did you mean train.precision?",
    "early_stopping=true": "early_stopping: there is no such key; did you mean train.patience?",
    "gpu=0": "gpu: there is no such key; did you mean device?",
    "random_seed=3": "random_seed: there is no such key; did you mean seed?",
    "init_seed=3": "init_seed: there is no such key; did you mean seeds.init?",
    "device=gpu": "device=gpu: must be one of all, subset, virtual, workers; did you mean device=all",
    "device=cuda": "device=cuda: must be one of all, subset, virtual, workers; did you mean device=all",
    "exec=graph": "exec=graph: must be one of eager, fit, function, session; did you mean exec=function?",
    "exec=keras": "exec=keras: must be one of eager, fit, function, session; did you mean exec=fit?",
    "model=CNN": "model=CNN: must be one of cnn, conv-catsdogs, mlp; did you mean model=cnn?",
    "data=MNIST": "data=MNIST: must be one of arrays, cats_vs_dogs, mnist; did you mean data=mnist?",
    "optimizer=Adam": "optimizer=Adam: must be one of adam, adamw, lion, rmsprop, sgd; did you mean optimizer=adam?",
    "mode=eval": "mode=eval: must be one of train or test",
    "--epochs 3": "--epochs: keys have no dashes; did you mean train.epochs=3?",
    "--epochs=3": "--epochs=3: keys have no dashes; did you mean train.epochs=3?",
    "--batch-size 64": "--batch-size: keys have no dashes; did you mean data.batch_size=64?",
    "--lr 0.01": "--lr: keys have no dashes; did you mean optimizer.learning_rate=0.01?",
    "--seed 3": "--seed: keys have no dashes; did you mean seed=3?",
    "--model cnn": "--model: keys have no dashes; did you mean model=cnn?",
    "--lr": "--lr: keys have no dashes; did you mean optimizer.learning_rate=VALUE?",
    "seed 3": "seed: KEY=VALUE is one word, without spaces; did you mean seed=3?",
    "epochs = 3": "epochs: KEY=VALUE is one word, without spaces; did you mean train.epochs=3?",
    "test": "test: did you mean mode=test run=RUN_DIR?",
    "evaluate": "evaluate: did you mean mode=test run=RUN_DIR?",
    "resume": "resume: did you mean resume=RUN_DIR?",
    "train": "train: training needs no word; `python run.py KEY=VALUE...` trains",
    "sweep": "sweep: did you mean -m KEY=A,B?",
    "help": "help: did you mean --help?",
    "-v": "-v: did you mean --version?",
    "comapre outputs": "comapre: is no program; did you mean ",
    "compare outputs": "compare: is a program of its own; did you mean ",
}


@pytest.mark.parametrize("typed", HABITS)
def test_a_habit_is_told_what_it_is_called_here(tried, typed):
    done = tried.outcome(typed.split())
    assert problem(done) is None
    assert (done["status"], done["errors"][: len(HABITS[typed])]) == (2, HABITS[typed])


def test_what_nobody_knows_is_not_guessed(tried):
    for typed, said in (
        ("--frobnicate", "unrecognized arguments: "),
        ("frobnicate", "frobnicate: cannot be read; write"),
    ):
        done = tried.outcome([typed])
        assert (done["status"], done["errors"].startswith(said)) == (2, True)
