"""Batches straight from memory: images stay 8 bit on the training device, a whole batch is cut out there at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import partial

import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from lacbed_gan.data.augment import gather
from lacbed_gan.data.measuring import Measuring
from lacbed_gan.images.scaling import by_strength, to_unit

Moves = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class PairImages:
    """What batches are made of, all of it on one device.

    Attributes:
        potential: (N, 1, H, W) uint8.
        pattern: (N, T, H, W) uint8, a channel a thickness.
        condition: (N, C) float32, numbers the network is given of each crystal; None for none.
        thickness: (T,) float32, what stands for each thickness where the network is told it; else None.
        span: (N, 1) float32, the number it is to predict of each crystal; None for none.
        few_beams: (N, T, H, W) uint8, first answers that inputs of the forward direction hold; None for none.
        periodic: ρ is sampled at r = i/n; else at i/(n − 1), both edges of the cell included.
        absorbed: (M, T, H, W) uint8, patterns of some of the crystals with absorption; None for none.
        absorbed_row: (N,) int64, which of them is each crystal's, −1 for none.
        dark_field: (N, T, G, H, W) uint8, patterns of G reflections, zeros of a forbidden one; None for none.
        dark_range: (N, T, G) float32, their maximum − minimum before scaling, as shares of the incident beam.
    """

    potential: Tensor
    pattern: Tensor
    condition: Tensor | None = None
    thickness: Tensor | None = None
    span: Tensor | None = None
    periodic: bool = True
    few_beams: Tensor | None = None
    absorbed: Tensor | None = None
    absorbed_row: Tensor | None = None
    dark_field: Tensor | None = None
    dark_range: Tensor | None = None

    def to(self, device: torch.device | str) -> PairImages:
        """The same on that device."""
        values = (getattr(self, field.name) for field in fields(self))
        return PairImages(*(value.to(device) if isinstance(value, Tensor) else value for value in values))


class PairDataset(Dataset):
    """Some items of the images, served as whole batches on the device where the images are.

    An item of the forward direction, and of measured patterns, is one crystal at one thickness, number row · T + t; of
    the inverse direction else one crystal with the patterns at all T thicknesses, number row.

    Args:
        images: of all crystals of the store; shared between datasets, not copied.
        direction: forward or inverse.
        items: (n,) int64 on the CPU, the numbers of the items in this dataset.
        moves: gives the rows of `augment.draw` for positions in this dataset; None leaves images as they are.
        measuring: makes patterns of the inverse direction such as a microscope gives; None leaves them as they are.
    """

    def __init__(
        self,
        images: PairImages,
        direction: str,
        items: Tensor,
        moves: Moves | None = None,
        measuring: Measuring | None = None,
    ):
        self.images, self.direction, self.items, self.moves = images, direction, items, moves
        self.measuring = measuring

    def __len__(self) -> int:
        return len(self.items)

    def __getitems__(self, positions: Sequence[int]) -> dict[str, Tensor]:
        """The batch at these positions, already collated.

        Returns:
            "input" and "target": (B, C, H, W) float32 in [0, 1], C = 1, or of the inverse direction's input T bright
            fields and then, at each thickness, those of the reflections; "index": (B,) int64, the store rows;
            "condition": (B, C) float32 and "span": (B, 1) float32, where the images have them; where the network
            is told the thickness, "time": (B,) int64, which one, and "thickness": (B, 1) float32, what stands for it,
            which is also the last column of the condition. With measured patterns the input is one at one of the
            thicknesses, "time" says which, and the last three columns of the condition are those of `measuring.known`.
        """
        images, positions = self.images, torch.as_tensor(positions)
        device = images.potential.device
        moves = None if self.moves is None else self.moves(positions).to(device, non_blocking=True)
        items = self.items[positions].to(device, non_blocking=True)
        count = images.pattern.shape[1] if self.direction == "forward" or self.measuring else 1
        rows, times = items // count, items % count
        potential = self._gathered(images.potential, rows, moves, "real")
        condition = [] if images.condition is None else [images.condition[rows]]
        batch = {"index": rows}
        if self.direction == "forward":
            pattern = self._gathered(images.pattern.flatten(0, 1).unsqueeze(1), items, moves, "angle")
            if images.few_beams is not None:
                first = self._gathered(images.few_beams.flatten(0, 1).unsqueeze(1), items, moves, "angle")
                potential = torch.cat([potential, first], 1)
            batch |= {"input": potential, "target": pattern}
            if images.thickness is not None:
                batch |= {"time": times, "thickness": images.thickness[times].unsqueeze(1)}
                condition.append(batch["thickness"])
        else:
            if self.measuring is None:
                pattern = self._gathered(images.pattern, rows, moves, "angle")
                if images.dark_field is not None and images.dark_range is not None:
                    dark = self._gathered(images.dark_field.flatten(1, 2), rows, moves, "angle")
                    dark = by_strength(dark.unflatten(1, images.dark_field.shape[1:3]), images.dark_range[rows])
                    pattern = torch.cat([pattern, dark.flatten(1, 2)], 1)
                batch |= {"input": pattern, "target": potential}
            else:
                gathered = partial(self._gathered, moves=moves, space="angle")
                pattern, known = self.measuring.measured(images, items, gathered)
                batch |= {"input": pattern, "target": potential, "time": times}
                condition.append(known)
            if images.span is not None:
                batch["span"] = images.span[rows]
        if condition:
            batch["condition"] = torch.cat(condition, 1)
        return batch

    def _gathered(self, images: Tensor, rows: Tensor, moves: Tensor | None, space: str) -> Tensor:
        if moves is None:
            return to_unit(images[rows])
        return to_unit(gather(images, rows, moves, space, self.images.periodic))


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
        order = torch.arange(self.count)
        if self.shuffle:
            order = torch.randperm(self.count, generator=epoch_generator(self.seed, self.epoch))
        for start, stop in zip(self._starts, [*self._starts[1:], self.count], strict=True):
            yield order[start:stop][self.rank :: self.world_size].tolist()


def epoch_generator(seed: int, epoch: int, stream: int = 0) -> torch.Generator:
    """A random stream that follows from seed and epoch alone; another number, another stream."""
    # Odd multipliers keep (seed, epoch) and (seed + 1, epoch − 1) apart.
    return torch.Generator().manual_seed((seed * 1_000_003 + epoch + stream * 7_919_317_001) % 2**63)
