"""The contestants of `benchmarks/gpu.py` that use PyTorch: its plain loop, and the same with `torch.compile`.

Networks are those of the others, layer by layer. They are in PyTorch's `channels_last` format, which is its quickest
for convolutions on a GPU, and batches go to the device from pinned memory while it computes.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.gpu_work import LEARNING_RATE, Work, pictures

FETCH_EVERY = 100


def make(name: str, work: Work, precision: str) -> Callable[[int], tuple[float, int]]:
    """A contestant, ready to train: about so many steps, to the seconds and the number of the steps that were timed."""
    import torch
    from torch.nn.functional import cross_entropy

    device = "cuda" if torch.cuda.is_available() else "cpu"
    # As TensorFlow: TensorFloat-32 for float32, and the quickest of cuDNN's algorithms, found by trying them.
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    model = network(work).to(device, memory_format=torch.channels_last).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    called = torch.compile(model) if name == "torch.compile" else model
    drawn, classes = pictures(work.shape, work.classes, work.examples)
    features, labels = torch.from_numpy(drawn), torch.from_numpy(classes.astype(np.int64))

    def batch() -> tuple[Any, Any]:
        index = torch.randint(0, len(labels), (work.batch_size,))
        x, y = features[index], labels[index]
        if device == "cuda":
            x, y = (part.pin_memory().to(device, non_blocking=True) for part in (x, y))
        return x.permute(0, 3, 1, 2).float().div_(255), y

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        with torch.autocast(device, dtype=torch.bfloat16, enabled=precision == "bfloat16"):
            loss = cross_entropy(called(x), y)
        loss.backward()
        optimizer.step()
        return loss

    def train(steps: int) -> tuple[float, int]:
        started = time.perf_counter()
        for number in range(1, steps + 1):
            loss = step(*batch())
            if number % FETCH_EVERY == 0 or number == steps:
                loss.item()
        return time.perf_counter() - started, steps

    return train


def network(work: Work) -> Any:
    """The network, from pictures of float32 to logits."""
    from torch import nn

    if work.network == "resnet50":
        return _resnet50(work.classes)
    height, width, channels = work.shape
    if work.network == "cnn":
        body = [
            *(nn.Conv2d(channels, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(32, 64, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        ]
        size, hidden = (height // 4) * (width // 4) * 64, 1024
    else:
        body = [
            *(nn.Conv2d(channels, 32, 3), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(32, 32, 5), nn.ReLU(), nn.MaxPool2d(2)),
        ]
        left = [((side - 2) // 2 - 4) // 2 for side in (height, width)]
        size, hidden = left[0] * left[1] * 32, 64
    return nn.Sequential(*body, nn.Flatten(), nn.Linear(size, hidden), nn.ReLU(), nn.Linear(hidden, work.classes))


def _resnet50(classes: int) -> Any:
    """ResNet-50 as in `keras.applications`: the stride is that of a block's first convolution, and all have biases."""
    from torch import nn

    def convolution(before: int, after: int, size: int, stride: int = 1) -> list[Any]:
        return [
            nn.Conv2d(before, after, size, stride, padding=size // 2),
            nn.BatchNorm2d(after, eps=1.001e-5, momentum=0.01),
        ]

    class Block(nn.Module):  # type: ignore[misc]
        def __init__(self, before: int, filters: int, stride: int) -> None:
            super().__init__()
            self.body = nn.Sequential(
                *(*convolution(before, filters, 1, stride), nn.ReLU()),
                *(*convolution(filters, filters, 3), nn.ReLU()),
                *convolution(filters, 4 * filters, 1),
            )
            straight = before == 4 * filters
            self.shortcut = nn.Identity() if straight else nn.Sequential(*convolution(before, 4 * filters, 1, stride))
            self.last = nn.ReLU()

        def forward(self, values: Any) -> Any:
            return self.last(self.body(values) + self.shortcut(values))

    blocks, before = [], 64
    for filters, count, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for number in range(count):
            blocks.append(Block(before, filters, 1 if number else stride))
            before = 4 * filters
    start = [*convolution(3, 64, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, padding=1)]
    return nn.Sequential(*start, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, classes))
