"""What answers are held against: predictors without a network, and how far apart the training inputs are."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from lacbed_gan.data.datamodule import PairDataModule
from lacbed_gan.measures.baselines import baselines as baselines_of
from lacbed_gan.measures.familiarity import CHUNK, LEAST_SIZE, Familiar, features, usual_distance
from lacbed_gan.store.cache import kept


def baselines(data: PairDataModule) -> dict[str, Tensor]:
    """MSE per image of the test fold, in its order, of two predictors without a network; `setup` comes first.

    Returns:
        "mean_image": (n,) float32, the mean training target as the answer to everything;
        "nearest": (n,) float32, the target of the training input nearest in L2. Both at each thickness by itself
        where there are several in the forward direction.
    """

    def compute() -> np.ndarray:
        train, test = torch.from_numpy(data.train_rows), torch.from_numpy(data.test_rows)
        inputs, targets = data.images.potential, data.images.pattern
        if data.direction == "inverse":
            inputs, targets = targets, inputs
        return baselines_of(inputs, targets, train, test).cpu().numpy()

    decides = [data.views, data.train_rows.tolist(), data.test_rows.tolist()]
    mean, nearest = torch.from_numpy(np.array(kept(data.store, "baselines", decides, compute)))
    return {"mean_image": mean, "nearest": nearest}


def familiarity(data: PairDataModule) -> Familiar | None:
    """What is kept of the training inputs; None of too few, too small, or measured ones, of which none is usual."""
    if len(data.train_rows) < 2 or data.size < LEAST_SIZE or data.measured:
        return None

    def compute() -> np.ndarray:
        rows = np.arange(len(data.store))
        bright = len(data.thicknesses)  # or one, of ρ
        parts = [data.batch(rows[i : i + CHUNK])["input"][:, :bright] for i in range(0, len(rows), CHUNK)]
        return torch.cat([features(data.direction, part) for part in parts]).half().cpu().numpy()

    training = torch.from_numpy(kept(data.store, "features", data.views, compute)[data.train_rows])
    decides = [data.views, data.train_rows.tolist()]
    usual = float(kept(data.store, "usual", decides, lambda: np.array([usual_distance(training)]))[0])
    return Familiar(training, usual) if usual > 0 else None
