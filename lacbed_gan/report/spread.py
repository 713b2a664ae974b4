"""How far samples have to spread, so that their intervals hold what they should: found with the validation part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lacbed_gan.data.datamodule import PairDataModule
from lacbed_gan.measures.posterior import LEVELS, amplitudes, covered, strongest
from lacbed_gan.models.networks.drawing import AS_LEARNED, REACH, Drawing, Spread
from lacbed_gan.models.weights import Trained
from lacbed_gan.report.posterior import ORDER, STRONGEST, answers_of, spread_rows

DRAWN = (0.25, 1.0, 2.0, 4.0)  # scales at which samples are drawn; those of others lie between two of them
SCALES = tuple(2 ** (step / 4) for step in range(-8, 9))
TAILS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class FittedSpread:
    """The spread whose intervals are nearest to what they say on some crystals, and the shares that they hold there.

    Attributes:
        crystals: how many they were.
        before, after: of the true |U_hk|, in central intervals of `LEVELS`, with the spread as learned and with this.
    """

    spread: Spread
    crystals: int
    before: tuple[float, ...]
    after: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values for a checkpoint."""
        return self.spread._asdict() | {"crystals": self.crystals, "before": [*self.before], "after": [*self.after]}


def fitted_spread(trained: Trained, data: PairDataModule, rows: np.ndarray, counts: float | None) -> FittedSpread:
    """Spread of the samples of inverse networks by crystals of a store that they were not trained on.

    Of a grid of `SCALES` and `TAILS` it is the one with the least Σ (share that holds the truth − level)² over
    `LEVELS`, unless it is at an end of the scales: then it stays as learned. Samples are drawn at a few scales from the
    same random numbers, and |U_hk| of other scales interpolated.

    Args:
        trained: its network has the spread of 1 and 0 afterwards, whatever it had.
        rows: of the store.
        counts: electrons at the brightest pixel, of noise that is added to the patterns; None for none.
    """
    network = trained.network
    assert isinstance(network, Drawing)
    rows = spread_rows(rows)
    drawn, truths = [], []
    for scale in DRAWN:
        network.spread = Spread(scale)
        answers = answers_of(trained, data, rows, counts=counts)
        spans = [1.0 if one.span is None else one.span[:, None] for one in answers]
        drawn.append([amplitudes(one.images, ORDER) * span for one, span in zip(answers, spans, strict=True)])
        truths = [amplitudes(one.truth, ORDER) * (1.0 if one.span is None else one.true_span) for one in answers]
    network.spread = AS_LEARNED
    places = [strongest(samples, STRONGEST) for samples in drawn[DRAWN.index(1.0)]]
    values = torch.stack(
        [torch.stack([x[:, at] for x, at in zip(one, places, strict=True)], 1) for one in drawn]
    )  # (scales, n, crystals, STRONGEST)
    truth = torch.stack([x[at] for x, at in zip(truths, places, strict=True)])
    found = {(scale, tail): _shares(values, truth, Spread(scale, tail)) for scale, tail in product(SCALES, TAILS)}
    best = _nearest(found)
    return FittedSpread(best, len(rows), found[AS_LEARNED], found[best])


def _nearest(found: Mapping[tuple[float, float], tuple[float, ...]]) -> Spread:
    """The spread whose shares are nearest to `LEVELS`; as learned where that is at an end of the scales.

    There no spread makes the intervals right, and the mean of samples that are so wide is a bad answer.
    """
    best = min(
        found, key=lambda pair: sum((share - level) ** 2 for share, level in zip(found[pair], LEVELS, strict=True))
    )
    return AS_LEARNED if best[0] in (SCALES[0], SCALES[-1]) else Spread(*best)


def _shares(values: Tensor, truth: Tensor, spread: Spread) -> tuple[float, ...]:
    """Shares of the truth (crystals, Q) in intervals of samples of some spread.

    Args:
        values: (scales, n, crystals, Q), samples of the scales of `DRAWN`.
    """
    generator = torch.Generator().manual_seed(0)
    normal = torch.randn(values.shape[1:3], generator=generator)
    factor = (spread.scale * (spread.tail * normal).exp()).clamp(*REACH)
    drawn = torch.tensor(DRAWN)
    above = torch.searchsorted(drawn, factor).clamp(1, len(DRAWN) - 1)
    share = ((factor - drawn[above - 1]) / (drawn[above] - drawn[above - 1]))[..., None]
    n, crystals = torch.meshgrid(*map(torch.arange, factor.shape), indexing="ij")
    samples = (1 - share) * values[above - 1, n, crystals] + share * values[above, n, crystals]
    return tuple(float(covered(samples, truth, level).float().mean()) for level in LEVELS)
