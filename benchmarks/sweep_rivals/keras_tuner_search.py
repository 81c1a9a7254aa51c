"""Keras Tuner: a grid of seeds, one run after the other in one process."""

from pathlib import Path
from typing import Any

import keras_tuner

from benchmarks.sweep_rivals import keras_run
from benchmarks.sweep_rivals.work import arguments, folder_of


class Network(keras_tuner.HyperModel):  # type: ignore[misc]
    """The network of a seed, and how it is trained and tested."""

    def __init__(self, *, runs: int, data: Path, out: Path) -> None:
        super().__init__()
        self._runs, self._data, self._out = runs, data, out

    def build(self, hp: Any) -> Any:
        """The compiled network."""
        return keras_run.build(hp.Choice("seed", list(range(self._runs))))

    def fit(self, hp: Any, model: Any, *, callbacks: list[Any], **options: Any) -> dict[str, float]:
        """One epoch and the test."""
        folder = folder_of(self._out, hp.get("seed"))
        return {"accuracy": keras_run.train_and_test(model, data=self._data, folder=folder, callbacks=callbacks)}


def main() -> None:
    """Run the grid."""
    given = arguments()
    tuner = keras_tuner.GridSearch(
        Network(runs=given.runs, data=given.data, out=given.out),
        objective=keras_tuner.Objective("accuracy", "max"),
        max_trials=given.runs,
        directory=given.out,
        project_name="tuner",
    )
    tuner.search(verbose=0)


if __name__ == "__main__":
    main()
