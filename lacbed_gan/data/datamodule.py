"""One fold and one direction of a store, at one thickness or several, for Lightning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import lightning as L
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from lacbed_gan.base.errors import SettingsError
from lacbed_gan.data import disturbances
from lacbed_gan.data.augment import draw
from lacbed_gan.data.batches import EpochBatches, PairDataset, PairImages, epoch_generator
from lacbed_gan.data.choices import require_agreement, require_choice, thicknesses
from lacbed_gan.data.conditions import condition_names, standardised
from lacbed_gan.data.few_beams import few_beams_of, require_few_beams
from lacbed_gan.data.folds import FOLDS, assign_folds, validation_rows
from lacbed_gan.data.measuring import Measuring
from lacbed_gan.data.reading import pair_images, require_absorbing, require_reflections
from lacbed_gan.data.views import require_nets
from lacbed_gan.store.packed import open_store
from lacbed_gan.store.recipe import Indices, shortened
from lacbed_gan.store.store import Store

DIRECTIONS = ("forward", "inverse")
ORIGINS = ("given", "canonical")
VALIDATIONS = ("part", "fold", "none")
AUGMENTATION, DISTURBANCE = 1, 2  # numbers of their random streams
FIXED = -1  # stands for an epoch where patterns are disturbed the same way always


class PairDataModule(L.LightningDataModule):
    """Pairs (input, target) of a store: forward is ρ → pattern, inverse is pattern → ρ.

    Batches are what `PairDataset` serves, on the device of the trainer. Wrong arguments are found here, before images
    are read; `setup` reads them. The trainer needs `use_distributed_sampler=False`: batches are already divided among
    the processes.

    Args:
        store: an open store, a store's folder, a packed store, or "bundled".
        direction: "forward" or "inverse".
        thickness: in nm, one or several of the store's, or "all". Several: the forward network is told the thickness of
            each pair; the inverse one gets the patterns of all of them as channels.
        fold: 0…9; the model is tested on this part and trained on the others.
        batch_size: pairs a batch and process.
        size: image edge, a divisor of the store's; None keeps the store's. ρ, which is periodic, is sampled
            at every n-th point, patterns are averaged over blocks of n × n and rounded to 8 bit.
        condition: numbers that networks are given, standardised over the training folds: names of
            `conditions.QUANTITIES`, or "cell" (log a) or "scale" (log a and log(ρ_max − ρ_min), which the 8-bit ρ has
            lost; forward only).
        seed: of the batch order and the augmentation; the folds do not depend on it.
        fold_of: (N,) int64, the fold that tests on each crystal of the store, −1 for one that takes no part; None
            makes folds with no formula in two of them.
        validation: what is kept out of training, to look at while it goes on and to choose the best epoch by: "part",
            a tenth of the training folds; "fold" (or True), the fold after this one (0 after 9); "none" (or False),
            nothing, and what is looked at is the test fold, as figure 3 of arXiv 2503.02852 does.
        groups: (N,) of which none is in two parts of the data; None: the formulas.
        few_beams: cut-off in 1/Å of the pattern of few beams that inputs of the forward direction have as a second
            channel; None: they have none. It is computed once for a store, and kept.
        point_group: training images and their patterns are turned and mirrored together, at random; in the inverse
            direction transposed only, and with the canonical origin only, because every pattern of a cubic crystal is
            its own mirror image and would have several answers.
        shift: the origin of the training ρ is shifted at random; forward only.
        origin: "canonical" moves every ρ to the origin of `canonical_origin`; "given" leaves it.
        predict_span: batches of the inverse direction hold "span", the standardised log(ρ_max − ρ_min).
        standardisation: mean and deviation by name, of networks that know others than those of the training rows.
        measured: patterns are such as a microscope gives, see `data.disturbances`, one of one of the thicknesses an
            item; inverse only. Training ones follow from (seed, epoch), others are always the same.
        absorbing: pairs of the same crystals, or some of them, with absorption, whose patterns are taken for half of
            the measured ones.
        reflections: whose dark fields are channels of the inverse network's input too, as hk0 or hkl.

    Attributes:
        standardisation: mean and deviation of each quantity that is given or predicted, over the training rows
            unless others were given.
        condition: names of the quantities that are given.
        thicknesses: those chosen, in nm.
        watched: the parts that `val_dataloader` serves, in order, by name.
        train_rows, validation_rows, test_rows: (n,) int64 store rows, ascending.
        fold_of: as given, or made.

    Raises:
        ValueError: an argument out of range, in one line naming the allowed values.
        StoreError: the store cannot be opened.
    """

    def __init__(
        self,
        store: Store | str | Path,
        direction: str,
        thickness: float | Sequence[float] | str,
        fold: int,
        batch_size: int,
        size: int | None = None,
        condition: str | Sequence[str] = (),
        seed: int = 0,
        fold_of: np.ndarray | None = None,
        validation: str | bool = "none",
        point_group: bool = False,
        shift: bool = False,
        origin: str = "given",
        predict_span: bool = False,
        standardisation: Mapping[str, Sequence[float]] | None = None,
        groups: Sequence[str] | None = None,
        few_beams: float | None = None,
        measured: bool = False,
        absorbing: Store | str | Path | None = None,
        reflections: Sequence[Indices] = (),
    ):
        super().__init__()
        require_choice("direction", direction, DIRECTIONS)
        require_choice("origin", origin, ORIGINS)
        require_choice("fold", fold, range(FOLDS))
        validation = {True: "fold", False: "none"}.get(validation, validation)
        require_choice("validation", validation, VALIDATIONS)
        self.condition = condition_names(condition)
        require_agreement(direction, origin, self.condition, shift, point_group, bool(reflections))
        if batch_size < 1:
            raise SettingsError(f"batch_size={batch_size}: must be 1 or more")
        self.store = store if isinstance(store, Store) else open_store(store)
        require_nets(self.store, point_group)
        self.thicknesses = thicknesses(thickness, self.store)
        require_choice("size", size, [None, *(n for n in range(1, self.store.size + 1) if self.store.size % n == 0)])
        self.periodic = self.store.recipe.periodic
        if not self.periodic and (shift or origin == "canonical"):
            raise SettingsError(
                f"{self.store.source} does not sample ρ at r = i/n: take augment.shift=false and origin=given, or "
                "pairs that simulate made with rho_sampling=periodic"
            )
        require_few_beams(self.store, direction, few_beams)
        self.few_beams = few_beams
        self.direction, self.fold, self.batch_size, self.seed = direction, fold, batch_size, seed
        self.size = size or self.store.size
        self.point_group, self.shift, self.origin = point_group, shift, origin

        groups = groups or [entry["formula"] or entry["id"] for entry in self.store.index]
        self.fold_of = assign_folds(groups, FOLDS) if fold_of is None else fold_of
        self.test_rows = np.flatnonzero(self.fold_of == fold)
        self.validation_rows = validation_rows(validation, groups, self.fold_of, fold)
        kept_out = np.concatenate([self.test_rows, self.validation_rows])
        self.train_rows = np.setdiff1d(np.flatnonzero(self.fold_of >= 0), kept_out)
        self.watched = ("test" if validation == "none" else "validation", "train")
        span = ("log_span",) if predict_span and direction == "inverse" else ()
        conditions, moments = standardised(self.condition, self.store.index, self.train_rows, standardisation)
        spans, span_moments = standardised(span, self.store.index, self.train_rows, standardisation)
        self.standardisation = moments | span_moments
        self.measured, self.absorbing = measured, None
        if (measured or absorbing is not None) and not (measured and direction == "inverse"):
            raise SettingsError("augment.measured, and absorbing with it, is of patterns: direction=inverse")
        self.reflections = tuple(map(shortened, reflections))
        if reflections:
            require_reflections(self.store, self.reflections)
        if absorbing is not None:
            self.absorbing = absorbing if isinstance(absorbing, Store) else open_store(absorbing)
            require_absorbing(self.absorbing, self.store, self.thicknesses, self.size)
        self._numbers = {"condition": torch.from_numpy(conditions) if self.condition else None}
        self._numbers |= {"span": torch.from_numpy(spans) if span else None}
        self._images: PairImages | None = None

    def setup(self, stage: str | None = None) -> None:
        """Read the images of these thicknesses into memory, 8 bit; a loader moves them to the trainer's device."""
        if self._images is None:
            told = self.tells_thickness or self.measured
            views = self.store, self.thicknesses, self.size, self.origin, self._numbers
            others = {"absorbing": self.absorbing, "reflections": self.reflections}
            images = pair_images(*views, tells_thickness=told, **others)
            self._images = replace(images, few_beams=self._few_beams())

    def _few_beams(self) -> torch.Tensor | None:
        if self.few_beams is None:
            return None
        return torch.from_numpy(few_beams_of(self.store, self.thicknesses, self.size, self.few_beams))

    @property
    def images(self) -> PairImages:
        """Of all crystals, once `setup` has read them."""
        return self._images

    @property
    def tells_thickness(self) -> bool:
        """Whether the network is told the thickness: forward, of several."""
        return self.direction == "forward" and len(self.thicknesses) > 1

    @property
    def by_thickness(self) -> bool:
        """Whether each image is at one of several thicknesses: forward, and of measured patterns."""
        return self.tells_thickness or (self.measured and len(self.thicknesses) > 1)

    def dataset(self, rows: np.ndarray, batches: EpochBatches | None = None) -> PairDataset:
        """The pairs of these store rows, at all thicknesses; `setup` comes first.

        Args:
            batches: of training: the pairs are then augmented as the settings say, by (seed, epoch).
        """
        moves = None
        if batches is not None and (self.point_group or self.shift):

            @lru_cache(1)
            def of_epoch(epoch: int) -> torch.Tensor:
                generator = epoch_generator(self.seed, epoch, AUGMENTATION)
                drawn = draw(batches.count, generator, self.size, self.point_group, self.shift)
                if self.direction == "inverse":
                    drawn[:, 1:3] = 0  # a mirror leaves cubic patterns as they are: one input, several answers
                return drawn

            def moves(positions: torch.Tensor) -> torch.Tensor:
                return of_epoch(batches.epoch)[positions]

        measuring = None
        if self.measured:

            @lru_cache(1)
            def drawn_in(epoch: int) -> Tensor:
                items = len(self.store) * len(self.thicknesses)
                return disturbances.draw(items, epoch_generator(self.seed, epoch, DISTURBANCE))

            measuring = Measuring.of(self.store, lambda items: drawn_in(batches.epoch if batches else FIXED)[items])
        return PairDataset(self._images, self.direction, torch.from_numpy(self._items(rows)), moves, measuring)

    def batch(self, rows: np.ndarray, thickness: float | None = None) -> dict[str, Tensor]:
        """One batch of these store rows, where each has one thickness at that, or the first."""
        several = len(self.thicknesses) if self.by_thickness else 1
        time = 0 if thickness is None else self.thicknesses.index(thickness) % several
        return self.dataset(rows).__getitems__([i * several + time for i in range(len(rows))])

    def train_dataloader(self) -> DataLoader:
        """The training folds, shuffled by (seed, epoch)."""
        return self._loader(self.train_rows, training=True)

    def val_dataloader(self) -> list[DataLoader]:
        """What is looked at while training, and as many pairs of the training folds as the test fold has.

        The former are those that are kept out for it, or the test fold; the latter the same ones in every epoch.
        """
        watched = self.test_rows if self.watched[0] == "test" else self.validation_rows
        return [self._loader(watched), self._loader(self.train_sample_rows)]

    def final_dataloaders(self) -> list[DataLoader]:
        """What is measured at the end: the test fold, the pairs of the training folds, and what was kept out."""
        parts = [self.test_rows, self.train_sample_rows, self.validation_rows]
        return [self._loader(rows) for rows in parts if len(rows)]

    def test_dataloader(self) -> DataLoader:
        """The test fold."""
        return self._loader(self.test_rows)

    @property
    def train_sample_rows(self) -> np.ndarray:
        """(n,) int64: as many training rows as the test fold has, to measure the training error on."""
        generator = torch.Generator().manual_seed(self.seed)
        chosen = torch.randperm(len(self.train_rows), generator=generator)[: len(self.test_rows)]
        return np.sort(self.train_rows[chosen.numpy()])

    @property
    def views(self) -> list[object]:
        """What decides, beside the store, how its images are seen."""
        return [self.direction, list(self.thicknesses), self.size, self.origin]

    def _items(self, rows: np.ndarray) -> np.ndarray:
        """Numbers of the items of these rows, as `PairDataset` counts them."""
        count = len(self.thicknesses) if self.by_thickness else 1
        return (rows[:, None] * count + np.arange(count)).ravel()

    def _loader(self, rows: np.ndarray, training: bool = False) -> DataLoader:
        rank, world_size = 0, 1
        if self.trainer:
            rank, world_size = self.trainer.global_rank, self.trainer.world_size
            self._images = self._images.to(self.trainer.strategy.root_device)
        count = len(self._items(rows))
        batches = EpochBatches(count, self.batch_size, self.seed, training, rank, world_size)
        return DataLoader(
            self.dataset(rows, batches if training else None),
            batch_sampler=batches,
            collate_fn=lambda batch: batch,  # PairDataset.__getitems__ has done it
            # A generator of its own: the loader otherwise draws from the stream that initialises networks.
            generator=torch.Generator(),
        )
