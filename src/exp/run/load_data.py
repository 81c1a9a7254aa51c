"""The data of a run, made from its configuration: the data set, the order of its examples, and the task."""

from dataclasses import replace

from exp.config import Config
from exp.config.combination_rules import check_batch_size
from exp.config.target_names import OWN_PREFIXES
from exp.data import Dataset, ImageTransforms, Order
from exp.data.check import check_dataset
from exp.data.dataset import Specs, tensor_specs
from exp.data.images.cache_dir import cache_folder
from exp.data.leaks import check_leaks, facts
from exp.data.old_names import as_dataset
from exp.data.split import Weighted
from exp.data.validation import with_validation
from exp.errors import UserError
from exp.run.instantiate import check_kind, instantiate
from exp.task import Task, UnfitError

ARRAY_FILE = "exp.data.npz.load"
"""Loads what is the user's own."""


def load_data(config: Config) -> tuple[Dataset, Order, ImageTransforms]:
    """The data set, the order of its training examples, and what is done to pictures.

    Raises:
        UserError: the data cannot be found, or cannot be used like this.
    """
    dataset: Dataset = as_dataset(instantiate("data", config.data.target, config.trusted_targets))
    name = config.data.target.name
    check_kind(f"data={name}", dataset, Dataset, called="an exp.data.Dataset")
    if not name.startswith(OWN_PREFIXES) or name == ARRAY_FILE:
        check_dataset(dataset, what=f"data={name}")
    dataset = with_validation(dataset, config.data.validation, split_seed=config.data.split_seed)
    if config.mode == "train":
        cache = cache_folder(config.data.target.arguments.get("cache_dir"))
        leaks = check_leaks(dataset, config.data.on_leak, cache=cache, trained=config.data.limit)
        notes = [*dataset.notes, *(leak.sentence(dataset) for leak in leaks)]
        dataset = replace(dataset, notes=tuple(notes), leaks=facts(leaks))
    transforms = ImageTransforms(config.data.transforms, features=dataset.features)
    return dataset, _order(config, dataset), transforms


def make_task(config: Config, dataset: Dataset, features: Specs) -> Task:
    """What a model is trained for on a data set.

    Args:
        config: of the run.
        dataset: the data set.
        features: what the model gets of an example.

    Raises:
        UserError: the task does not fit the data set, or cannot be made.
    """
    targets = tensor_specs(dataset.wanted(features), scaled=True)
    weighted = _weighted(dataset)
    if weighted and config.exec.name == "fit":
        raise UserError(
            f"exec=fit: Keras's own loss and metrics take weights otherwise, and data={dataset.name} has some; take "
            "another mode"
        )
    try:
        known = {"classes": dataset.classes, "targets": targets, "weighted": weighted}
        task: Task = instantiate("task", config.task, config.trusted_targets, **known)
    except UnfitError as error:
        names = f"task={config.task.short_name} does not fit the data set {dataset.name}"
        raise UserError(f"{names}: {error}") from error
    missing = [name for name in ("metrics", "losses", "output_problem", "keras_form") if not hasattr(task, name)]
    if missing:
        raise UserError(f"task={config.task.name}: gives a {type(task).__name__} without {', '.join(missing)}")
    return task


def _weighted(dataset: Dataset) -> str | None:
    """Whether `examples` or their `positions` have weights; None if all count alike."""
    if not isinstance(dataset.targets, Weighted):
        return None
    return "positions" if dataset.targets.weights.shape else "examples"


def _order(config: Config, dataset: Dataset) -> Order:
    data = config.data
    size = dataset.train.size if data.limit is None else min(data.limit, dataset.train.size)
    if config.mode == "train":
        check_batch_size(data.batch_size, size)
    batch_size = min(data.batch_size, size)  # a test has no order, and takes any batches
    return Order(seed=config.seed_of("order"), size=size, buffer_size=data.buffer_size, batch_size=batch_size)
