"""One inverse network for all thicknesses of a store: cells are scaled to one, as `models/other_thickness.py` says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fit import AT_ONCE, DEVICE, Fit
from torch import Tensor

from lacbed_gan.images.scaling import to_unit
from lacbed_gan.measures.familiarity import USUAL, Familiar, features, nearest
from lacbed_gan.models.build import Networks
from lacbed_gan.models.weights import Trained, save_weights

ASKED = 2000  # inputs whose nearest other one says what is usual
KEPT = 30_000  # inputs at most that new ones are compared with


class Several(Fit):
    """See `Fit`; the words say the one thickness that all are scaled to.

    Pair by pair the cell edge is a·√(t₀/t) and the range of ρ that times t/t₀, in the units of the other networks.
    """

    def __init__(self, words: Sequence[str], count: int | None = None, like: Several | None = None, **choices: Any):
        super().__init__(words, count, like, origins=True, **choices)
        store, (reference,) = self.data.store, self.data.thicknesses
        self.nm = list(store.thickness)
        self.times = len(self.nm)
        self.patterns = like.patterns if like else torch.from_numpy(np.array(store.pattern)).to(DEVICE)  # (N, T, n, n)
        self.longer = torch.tensor([math.log(nm / reference) for nm in self.nm], device=DEVICE)
        self.module.config["data"]["thickness_range"] = [min(self.nm), max(self.nm)]

    def batch(self, items: Tensor) -> dict[str, Tensor]:
        """Of pairs row · T + time."""
        rows, times, images = items // self.times, items % self.times, self.images
        longer, moments = self.longer[times, None], self.data.standardisation
        return {
            "input": to_unit(self.patterns[rows, times][:, None]),
            "target": to_unit(images.potential[rows]),
            "condition": images.condition[rows] - longer / 2 / moments["log_a"][1],
            "span": images.span[rows] + longer / moments["log_span"][1],
        }

    def familiar(self) -> Familiar:
        """Training inputs of all thicknesses, of crystals that exist: only such will be asked about."""
        items = (torch.from_numpy(self.real(self.rows))[:, None] * self.times + torch.arange(self.times)).flatten()
        items = items[torch.randperm(len(items), generator=torch.Generator().manual_seed(0))[:KEPT]].to(DEVICE)
        inputs = (self.batch(part)["input"] for part in items.split(AT_ONCE))
        points = torch.cat([features("inverse", part).half().cpu() for part in inputs])
        distance = nearest(points[:ASKED].float(), points.float(), but_itself=True)
        return Familiar(points, float(torch.quantile(distance, USUAL)))

    def save(self, path: Path) -> None:
        """The average of the weights in 8 bit, and what is kept of the training inputs."""
        networks = Networks(self.average.cpu(), None, self.module.span_head.cpu())
        save_weights(path, Trained.of(networks, self.module.config, self.familiar()), eight_bit=True)
