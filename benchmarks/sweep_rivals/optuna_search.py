"""Optuna: a grid of seeds, by as many processes as there are cores, which share a journal."""

import argparse
import multiprocessing
import os
import sys
from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import Trial, TrialState

from benchmarks.sweep_rivals.work import arguments, folder_of

NAME = "seeds"


def main() -> int:
    """Run the grid; returns the exit status."""
    given = arguments()
    given.out.mkdir(parents=True, exist_ok=True)
    optuna.create_study(study_name=NAME, storage=_storage(given.out), direction="maximize")
    # TensorFlow must not be forked.
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=work, args=(given,)) for _ in range(os.cpu_count() or 1)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return max(abs(worker.exitcode or 0) for worker in workers)


def work(given: argparse.Namespace) -> None:
    """Take seeds until each has been taken."""
    from benchmarks.sweep_rivals import keras_run

    def objective(trial: Trial) -> float:
        seed = trial.suggest_categorical("seed", list(range(given.runs)))
        return keras_run.run(seed, data=given.data, folder=folder_of(given.out, seed))

    sampler = optuna.samplers.GridSampler({"seed": list(range(given.runs))})
    study = optuna.load_study(study_name=NAME, storage=_storage(given.out), sampler=sampler)
    # Without it, a process that is done would run again the seeds that others are still at.
    enough = optuna.study.MaxTrialsCallback(given.runs, states=(TrialState.COMPLETE, TrialState.RUNNING))
    study.optimize(objective, callbacks=[enough])


def _storage(out: Path) -> JournalStorage:
    return JournalStorage(JournalFileBackend(str(out / "journal.log")))


if __name__ == "__main__":
    sys.exit(main())
