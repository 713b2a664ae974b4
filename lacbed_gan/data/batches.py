"""Batches straight from memory: images stay 8 bit, a whole batch is cut out and scaled at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler


def to_unit(images: Tensor) -> Tensor:
    """uint8 on 0…255 → float32 on [0, 1], any shape."""
    return images.to(torch.float32) / 255


class PairDataset(Dataset):
    """Some rows of the images of a store, served as whole batches.

    Args:
        inputs, targets: (N, 1, H, W) uint8, all rows of the store; shared between datasets, not copied.
        condition: (N, C) float32 or None.
        rows: (n,) int64, the store rows in this dataset.
    """

    def __init__(self, inputs: Tensor, targets: Tensor, condition: Tensor | None, rows: Tensor):
        self.inputs, self.targets, self.condition, self.rows = inputs, targets, condition, rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitems__(self, positions: Sequence[int]) -> dict[str, Tensor]:
        """The batch at these positions, already collated.

        Returns:
            "input" and "target": (B, 1, H, W) float32 in [0, 1]; "index": (B,) int64, the store rows;
            "condition": (B, C) float32, if the dataset has one.
        """
        rows = self.rows[torch.as_tensor(positions)]
        batch = {"input": to_unit(self.inputs[rows]), "target": to_unit(self.targets[rows]), "index": rows}
        if self.condition is not None:
            batch["condition"] = self.condition[rows]
        return batch


class EpochBatches(Sampler[list[int]]):
    """Batches of positions 0…n−1 whose order follows from (seed, epoch) alone.

    A resumed run therefore goes on with the shuffle it would have had. The order is cut into joint batches of
    `batch_size` × `world_size`; each rank takes every `world_size`-th position of each, so that all ranks
    together train on the batches of one process with the larger batch. The last batch may be smaller; a
    remainder too small to give every rank a sample joins the batch before it, so that each rank has the same
    number of batches and each sample is served exactly once.

    Args:
        shuffle: False keeps the order 0…n−1 in every epoch.

    Raises:
        ValueError: fewer samples than ranks.
    """

    def __init__(
        self,
        count: int,
        batch_size: int,
        seed: int = 0,
        shuffle: bool = True,
        rank: int = 0,
        world_size: int = 1,
    ):
        if count < world_size:
            raise ValueError(f"{count} samples cannot be shared by {world_size} processes")
        self.count, self.seed, self.shuffle = count, seed, shuffle
        self.rank, self.world_size = rank, world_size
        self.epoch = 0
        joint = batch_size * world_size
        self._starts = list(range(0, count, joint))
        if len(self._starts) > 1 and count - self._starts[-1] < world_size:
            self._starts.pop()

    @property
    def sampler(self) -> EpochBatches:
        """Itself: Lightning calls `set_epoch` on `batch_sampler.sampler`."""
        return self

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self._starts)

    def __iter__(self) -> Iterator[list[int]]:
        if self.shuffle:
            # An odd multiplier keeps (seed, epoch) and (seed + 1, epoch − 1) apart.
            generator = torch.Generator().manual_seed((self.seed * 1_000_003 + self.epoch) % 2**63)
            order = torch.randperm(self.count, generator=generator)
        else:
            order = torch.arange(self.count)
        for start, stop in zip(self._starts, [*self._starts[1:], self.count], strict=True):
            yield order[start:stop][self.rank :: self.world_size].tolist()
