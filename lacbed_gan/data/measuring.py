"""From the patterns of a store to such as a microscope gives, with what is known of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lacbed_gan.data.disturbances import ABSORBED, TOLD, column, disturbed, reach_of
from lacbed_gan.data.views import without_quadrants
from lacbed_gan.images.symmetry import MIRRORS, TWO_FOLD, Axes

if TYPE_CHECKING:
    from lacbed_gan.data.batches import PairImages
    from lacbed_gan.store.store import Store


@dataclass(frozen=True)
class Measuring:
    """How patterns become those of a microscope, see `data.disturbances`.

    Attributes:
        numbers: gives the rows of `disturbances.draw` for the numbers of items, row · T + t, on the CPU.
        half_width: half an edge of the patterns in reciprocal lattice units.
        copies: operations that take every pattern to itself.
    """

    numbers: Callable[[Tensor], Tensor]
    half_width: float
    copies: tuple[Axes, ...]

    @classmethod
    def of(cls, store: Store, numbers: Callable[[Tensor], Tensor]) -> Measuring:
        """Of the patterns of a store."""
        copies = MIRRORS if without_quadrants(store) is None else TWO_FOLD
        return cls(numbers, store.recipe.half_width, copies)

    def measured(
        self, images: PairImages, items: Tensor, gathered: Callable[[Tensor, Tensor], Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Patterns of some items, and what is known of them.

        Args:
            images: with thicknesses.
            items: (B,) int64 on the device of the images.
            gathered: takes rows (B,) of images (N, C, H, W) uint8 as float32 in [0, 1].

        Returns:
            (B, 1 + G, H, W) float32, the bright field and those of the reflections, and (B, 3) what `known` says.
        """
        assert images.thickness is not None
        count = images.pattern.shape[1]
        numbers = self.numbers(items.cpu()).to(items.device, non_blocking=True)
        pattern = gathered(images.pattern.flatten(0, 1).unsqueeze(1), items)
        if images.absorbed is not None and images.absorbed_row is not None:
            row = images.absorbed_row[items // count]
            others = gathered(images.absorbed.flatten(0, 1).unsqueeze(1), row.clamp(min=0) * count + items % count)
            taken = (row >= 0) & (column(numbers, "absorbed") < ABSORBED)
            pattern = torch.where(taken[:, None, None, None], others, pattern)
        ranges = None
        if images.dark_field is not None and images.dark_range is not None:
            pattern = torch.cat([pattern, gathered(images.dark_field.flatten(0, 1), items)], 1)
            ranges = images.dark_range.flatten(0, 1)[items]
        told = column(numbers, "told") < TOLD
        reach = reach_of(numbers, self.half_width)
        thickness = torch.where(told, images.thickness[items % count], torch.nan)
        patterns = disturbed(pattern, numbers, self.half_width, self.copies, ranges)
        return patterns, known(thickness, reach)


def known(thickness: Tensor, reach: Tensor) -> Tensor:
    """What networks are given of measured patterns, (B, 3): the thickness, whether it is told, and the window.

    Args:
        thickness: (B,) what stands for it, NaN where it is not told.
        reach: (B,) half an edge of the window over that of the network's.
    """
    return torch.stack([thickness.nan_to_num(0.0), (~thickness.isnan()).float(), reach], 1)
