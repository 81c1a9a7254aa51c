"""The data of a run, made from its configuration: the data set, the order of its examples, and the task."""

from exp.config import Config
from exp.config.combination_rules import check_batch_size
from exp.config.targets import OWN_PREFIXES
from exp.data import Dataset, ImageTransforms, Order
from exp.data.check import check_dataset
from exp.data.old_names import as_dataset
from exp.errors import UserError
from exp.run.instantiate import check_kind, instantiate
from exp.task import Classification, Task


def load_data(config: Config) -> tuple[Dataset, Order, ImageTransforms]:
    """The data set, the order of its training examples, and what is done to pictures.

    Raises:
        UserError: the data cannot be found, or cannot be used like this.
    """
    dataset: Dataset = as_dataset(instantiate("data", config.data.target, config.trusted_targets))
    name = config.data.target.name
    check_kind(f"data={name}", dataset, Dataset, called="an exp.data.Dataset")
    if not name.startswith(OWN_PREFIXES):
        check_dataset(dataset, what=f"data={name}")
    transforms = ImageTransforms(config.data.transforms, features=dataset.features)
    return dataset, _order(config, dataset), transforms


def task_of(config: Config, dataset: Dataset) -> Task:
    """What a model is trained for on a data set.

    Raises:
        UserError: there is no task for such a data set.
    """
    if dataset.class_names is None:
        raise UserError(f"data={config.data.target.name}: has no class_names, and training is for classes only so far")
    return Classification(classes=dataset.classes)


def _order(config: Config, dataset: Dataset) -> Order:
    data = config.data
    size = dataset.train.size if data.limit is None else min(data.limit, dataset.train.size)
    check_batch_size(data.batch_size, size)
    return Order(seed=config.seed, size=size, buffer_size=data.buffer_size, batch_size=data.batch_size)
