"""Ray Tune: a grid of seeds, each run in an actor with a CPU of its own."""

from pathlib import Path
from typing import Any

import ray
from ray import tune

from benchmarks.sweep_rivals.work import arguments, folder_of


def trial(settings: dict[str, Any]) -> None:
    """The run of a seed."""
    from benchmarks.sweep_rivals import keras_run

    folder = folder_of(Path(settings["out"]), settings["seed"])
    tune.report({"accuracy": keras_run.run(settings["seed"], data=Path(settings["data"]), folder=folder)})


def main() -> None:
    """Run the grid."""
    given = arguments()
    ray.init(include_dashboard=False)
    tuner = tune.Tuner(
        tune.with_resources(trial, {"cpu": 1}),
        param_space={
            "seed": tune.grid_search(list(range(given.runs))),
            "data": str(given.data),
            "out": str(given.out),
        },
        # An actor that is used again need not import TensorFlow again; Ray's documentation advises it.
        tune_config=tune.TuneConfig(metric="accuracy", mode="max", reuse_actors=True),
        run_config=tune.RunConfig(storage_path=str(given.out / "ray"), verbose=0),
    )
    tuner.fit()


if __name__ == "__main__":
    main()
