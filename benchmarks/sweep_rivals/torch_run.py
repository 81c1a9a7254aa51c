"""A run with PyTorch Lightning: one epoch by a Trainer, and the test."""

import functools
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from torch import nn
from torch.nn.functional import cross_entropy

from benchmarks.sweep_rivals.work import (
    BATCH_SIZE,
    CHECKPOINT_EVERY,
    LEARNING_RATE,
    LOG_EVERY,
    TEST_BATCH_SIZE,
    read,
    write_accuracy,
)

# PyTorch's SummaryWriter would import all of TensorFlow, which is installed here, but not beside PyTorch elsewhere.
sys.modules["tensorboard.compat.notf"] = types.ModuleType("tensorboard.compat.notf")


class Network(lightning.LightningModule):  # type: ignore[misc]
    """The network, its loss and its optimizer."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 10))

    def training_step(self, batch: Any, index: int) -> Any:
        """The loss of a batch."""
        pictures, labels = batch
        loss = cross_entropy(self.net(pictures), labels)
        self.log("loss", loss)
        return loss

    def test_step(self, batch: Any, index: int) -> None:
        """The accuracy of a batch."""
        pictures, labels = batch
        right = (self.net(pictures).argmax(1) == labels).float().mean()
        self.log("accuracy", right, batch_size=len(labels))

    def configure_optimizers(self) -> Any:
        """Adam."""
        return torch.optim.Adam(self.parameters(), lr=LEARNING_RATE)


class Batches:
    """Batches by indexing whole tensors: the quickest feed that PyTorch has for data in memory."""

    def __init__(self, data: Path, split: str, *, size: int, shuffled: bool) -> None:
        self._pictures, self._labels = _tensors(data, split)
        self._size, self._shuffled = size, shuffled

    def __len__(self) -> int:
        return len(self._labels) // self._size

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        count = len(self._labels)
        order = torch.randperm(count) if self._shuffled else torch.arange(count)
        for index in order.split(self._size):
            yield self._pictures[index], self._labels[index]


@functools.cache
def _tensors(data: Path, split: str) -> tuple[Any, Any]:
    pictures, labels = read(data, split)
    # Channels come first in PyTorch.
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous(), torch.from_numpy(labels).long()


def run(seed: int, *, data: Path, folder: Path) -> float:
    """Train and test the network of a seed; returns the test accuracy, which is written into the folder, too."""
    lightning.seed_everything(seed, verbose=False)
    trainer = lightning.Trainer(
        accelerator="cpu",
        max_epochs=1,
        logger=TensorBoardLogger(folder, name="", version=""),
        log_every_n_steps=LOG_EVERY,
        callbacks=[ModelCheckpoint(folder / "checkpoints", every_n_train_steps=CHECKPOINT_EVERY, save_top_k=-1)],
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    network = Network()
    trainer.fit(network, Batches(data, "train", size=BATCH_SIZE, shuffled=True))
    found = trainer.test(network, Batches(data, "test", size=TEST_BATCH_SIZE, shuffled=False), verbose=False)
    accuracy = float(found[0]["accuracy"])
    write_accuracy(folder, accuracy)
    return accuracy
