"""Numbers that come batch by batch: means of an epoch, values of every image; and a batch in parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import torch
from torch import Tensor, nn
from torchmetrics import CatMetric

# Of the data: the test fold, images of the training folds, and what is kept out to choose the best epoch by.
PARTS = ("test", "train", "validation")


class Means:
    """Means over images of scalars that come batch by batch, kept where they are computed."""

    def __init__(self) -> None:
        self.sums: dict[tuple[str, ...], tuple[Tensor, int]] = {}

    def add(self, values: Mapping[str, Tensor], images: int) -> None:
        """Scalars by name, means over so many images; the same names come together."""
        total, count = self.sums.get(tuple(values), (0.0, 0))
        batch = torch.stack([value.detach().float() for value in values.values()])
        self.sums[tuple(values)] = (total + images * batch, count + images)

    def items(self) -> Iterator[tuple[str, tuple[Tensor, int]]]:
        """Name, mean and number of images of each."""
        for names, (total, count) in self.sums.items():
            for name, mean in zip(names, total / count, strict=True):
                yield name, (mean, count)


def parts(batch: Mapping[str, Tensor], count: int) -> Iterator[tuple[dict[str, Tensor], float]]:
    """A batch in so many parts, or as many as it has images if these are fewer, and the share of each of the images."""
    images = len(batch["input"])
    pieces = {name: values.tensor_split(min(count, images)) for name, values in batch.items()}
    for number in range(min(count, images)):
        part = {name: piece[number] for name, piece in pieces.items()}
        yield part, len(part["input"]) / images


def added(pieces: Iterable[dict[str, Tensor]]) -> dict[str, Tensor]:
    """The sums of what the pieces of a batch have of each name."""
    sums: dict[str, Tensor] = {}
    for piece in pieces:
        for name, value in piece.items():
            sums[name] = sums[name] + value if name in sums else value
    return sums


def values_per_image(names: Iterable[str]) -> nn.ModuleDict:
    """For each part of validation and name a metric that keeps one number for every image, in the order of the images.

    On several devices all of them that saw the same batches keep one order, too.
    """
    return nn.ModuleDict({f"{part}/{name}": CatMetric(nan_strategy="disable") for part in PARTS for name in names})
