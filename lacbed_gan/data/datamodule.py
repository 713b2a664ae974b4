"""One thickness, one fold and one direction of a store, for Lightning."""

from __future__ import annotations

from pathlib import Path

import lightning as L
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from lacbed_gan.data.baselines import mean_image_mse, nearest_mse
from lacbed_gan.data.batches import EpochBatches, PairDataset
from lacbed_gan.data.folds import FOLDS, assign_folds
from lacbed_gan.data.packed import open_store
from lacbed_gan.data.store import Store

DIRECTIONS = ("forward", "inverse")
CONDITIONS = ("none", "scale")


class PairDataModule(L.LightningDataModule):
    """Pairs (input, target) of a store: forward is ρ → pattern, inverse is pattern → ρ.

    Batches are dicts: "input", "target" (B, 1, H, W) float32 in [0, 1], "index" (B,) int64 store rows, and
    with a condition "condition" (B, 2) float32. Wrong arguments are found here, before images are read;
    `setup` reads them. The trainer needs `use_distributed_sampler=False`: batches are already divided among
    the processes.

    Args:
        store: an open store, a store's folder, a packed store, or "bundled".
        direction: "forward" or "inverse".
        thickness: in nm, one of the store's.
        fold: 0…9; the model is tested on this part and trained on the others.
        batch_size: pairs a batch and process.
        size: image edge, a divisor of the store's; None keeps the store's. ρ, which is periodic, is sampled
            at every n-th point, patterns are averaged over blocks of n × n and rounded to 8 bit.
        condition: "scale" gives forward networks what the 8-bit ρ has lost: (log a, log(ρ_max − ρ_min)),
            standardised over the training folds.
        seed: of the batch order; the folds do not depend on it.
        fold_of: (N,) int64, the fold that tests on each crystal of the store, −1 for one that takes no part; None
            makes folds with no formula in two of them.

    Attributes:
        condition_mean, condition_std: the two numbers each of the standardisation, as plain floats; None
            without a condition.
        train_rows, test_rows: (n,) int64 store rows, ascending.
        fold_of: as given, or made.

    Raises:
        ValueError: an argument out of range, in one line naming the allowed values.
        StoreError: the store cannot be opened.
    """

    def __init__(
        self,
        store: Store | str | Path,
        direction: str,
        thickness: float,
        fold: int,
        batch_size: int,
        size: int | None = None,
        condition: str = "none",
        seed: int = 0,
        fold_of: np.ndarray | None = None,
    ):
        super().__init__()
        _choose("direction", direction, DIRECTIONS)
        _choose("condition", condition, CONDITIONS)
        _choose("fold", fold, range(FOLDS))
        if condition == "scale" and direction == "inverse":
            raise ValueError("condition=scale needs direction=forward; direction=inverse takes condition=none")
        if batch_size < 1:
            raise ValueError(f"batch_size={batch_size}: must be 1 or more")
        self.store = store if isinstance(store, Store) else open_store(store)
        _choose("thickness", thickness, self.store.thickness, f" nm in the store {self.store.source}")
        _choose("size", size, [None, *(n for n in range(1, self.store.size + 1) if self.store.size % n == 0)])
        self.direction, self.thickness, self.fold = direction, float(thickness), fold
        self.batch_size, self.seed = batch_size, seed
        self.size = size or self.store.size

        if fold_of is None:
            fold_of = assign_folds([entry["formula"] for entry in self.store.index], FOLDS)
        self.fold_of = fold_of
        self.train_rows = np.flatnonzero((fold_of != fold) & (fold_of >= 0))
        self.test_rows = np.flatnonzero(fold_of == fold)
        self.condition_mean: list[float] | None = None
        self.condition_std: list[float] | None = None
        self._condition = self._standardised_scale() if condition == "scale" else None
        self._images: tuple[Tensor, Tensor] | None = None

    def setup(self, stage: str | None = None) -> None:
        """Read the images of this thickness into memory, 8 bit."""
        if self._images is not None:
            return
        step = self.store.size // self.size
        potential = self.store.potential[:, ::step, ::step]
        pattern = _block_mean(self.store.pattern[:, self.store.thickness.index(self.thickness)], step)
        pair = (potential, pattern) if self.direction == "forward" else (pattern, potential)
        self._images = tuple(torch.from_numpy(np.array(images)).unsqueeze(1) for images in pair)

    def dataset(self, rows: np.ndarray) -> PairDataset:
        """The pairs of these store rows; `setup` comes first."""
        return PairDataset(*self._images, self._condition, torch.from_numpy(rows))

    def train_dataloader(self) -> DataLoader:
        """The training folds, shuffled by (seed, epoch)."""
        return self._loader(self.train_rows, shuffle=True)

    def val_dataloader(self) -> list[DataLoader]:
        """The test fold, and as many pairs of the training folds, the same ones in every epoch."""
        return [self._loader(self.test_rows), self._loader(self.train_sample_rows)]

    def test_dataloader(self) -> DataLoader:
        """The test fold."""
        return self._loader(self.test_rows)

    @property
    def train_sample_rows(self) -> np.ndarray:
        """(n,) int64: as many training rows as the test fold has, to measure the training error on."""
        generator = torch.Generator().manual_seed(self.seed)
        chosen = torch.randperm(len(self.train_rows), generator=generator)[: len(self.test_rows)]
        return np.sort(self.train_rows[chosen.numpy()])

    def baselines(self) -> dict[str, Tensor]:
        """MSE per image of the test fold, in its order, of two predictors without a network.

        Returns:
            "mean_image": (n,) float32, the mean training target as the answer to everything;
            "nearest": (n,) float32, the target of the training input nearest in L2.
        """
        inputs, targets = self._images
        train, test = torch.from_numpy(self.train_rows), torch.from_numpy(self.test_rows)
        return {
            "mean_image": mean_image_mse(targets[train], targets[test]),
            "nearest": nearest_mse(inputs[train], targets[train], inputs[test], targets[test]),
        }

    def _standardised_scale(self) -> Tensor:
        """(N, 2) float32; sets `condition_mean` and `condition_std`."""
        rows = []
        for entry in self.store.index:
            try:
                rows.append((entry["a"], entry["rho_max"] - entry["rho_min"]))
            except TypeError:  # null where the data set does not say
                rows.append((None, None))
        scale = np.array(rows, dtype=np.float64)
        if not (scale > 0).all():
            bad = self.store.index[int(np.flatnonzero(~(scale > 0).all(1))[0])]["id"]
            raise ValueError(f"condition=scale needs a and the range of ρ, which the store lacks for {bad}")
        scale = np.log(scale)
        train = scale[self.train_rows]
        mean, std = train.mean(0), train.std(0)
        std[std == 0] = 1.0  # one value for all of them tells nothing
        self.condition_mean, self.condition_std = mean.tolist(), std.tolist()
        return torch.from_numpy((scale - mean) / std).float()

    def _loader(self, rows: np.ndarray, shuffle: bool = False) -> DataLoader:
        rank, world_size = (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
        return DataLoader(
            self.dataset(rows),
            batch_sampler=EpochBatches(len(rows), self.batch_size, self.seed, shuffle, rank, world_size),
            collate_fn=_collated,
            # A generator of its own: the loader otherwise draws from the stream that initialises networks.
            generator=torch.Generator(),
        )


def _choose(name: str, value: object, allowed: object, where: str = "") -> None:
    if value not in allowed:
        shown = f"{allowed[0]}…{allowed[-1]}" if isinstance(allowed, range) else ", ".join(_plain(a) for a in allowed)
        raise ValueError(f"{name}={_plain(value)}: choose from {shown}{where}")


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else "null" if value is None else str(value)


def _collated(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    return batch  # PairDataset.__getitems__ has done it


def _block_mean(images: np.ndarray, step: int) -> np.ndarray:
    """(N, H, W) uint8 → (N, H/step, W/step) uint8: means of step × step blocks, rounded to nearest."""
    if step == 1:
        return images
    n, height, width = images.shape
    reduced = np.empty((n, height // step, width // step), dtype=np.uint8)
    for image, out in zip(images, reduced, strict=True):  # one at a time: the sums of all would not fit
        blocks = image.reshape(height // step, step, width // step, step)
        np.rint(blocks.mean((1, 3)), out=out, casting="unsafe")
    return reduced
