"""The exact patterns of a crystal, made as those that a network was trained on, and how far predicted ones are off."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from lacbed_gan.crystal.crystal import Crystal
from lacbed_gan.diffraction.fields import bright_field
from lacbed_gan.images.reduction import reduced_pattern
from lacbed_gan.images.scaling import to_uint8, to_unit
from lacbed_gan.measures.metrics import correlation_r, mse
from lacbed_gan.store.recipe import Recipe


@dataclass(frozen=True)
class Exact:
    """Calculated patterns of one crystal, against those of a network.

    Attributes:
        pattern: (T, H, W) float32 in [0, 1], scaled and rounded as in training.
        mse, r: T values each.
        seconds: that the calculation took.
    """

    pattern: np.ndarray
    mse: tuple[float, ...]
    r: tuple[float, ...]
    seconds: float


def exact_patterns(
    crystal: Crystal, recipe: Recipe, predicted: np.ndarray, thickness: Sequence[float], b_iso: float | None = None
) -> Exact:
    """Patterns by the method, energy, window and cut-off of the recipe; seconds to minutes.

    Args:
        predicted: (T, H, W) in [0, 1], as large as those of the recipe or an n-th of it.
        thickness: T values in nm.
        b_iso: B in Å² of the atoms for which none is given; None: what a prediction by the recipe takes.

    Raises:
        ValueError: the crystal cannot be computed.
    """
    began = time.perf_counter()
    intensity = bright_field(
        crystal.with_default_b_iso(recipe.b_iso_of_prediction if b_iso is None else b_iso),
        thickness,
        recipe.size,
        method="felix" if recipe.method == "published" else recipe.method,
        g_max=recipe.g_max,
        energy_kv=recipe.energy_kv,
        half_width=recipe.half_width,
        felix_ranks=recipe.felix_ranks,
        absorption=recipe.absorption,
        absorption_ratio=recipe.absorption_ratio,
    )
    seconds = time.perf_counter() - began
    exact = to_unit(reduced_pattern(to_uint8(intensity.numpy()), predicted.shape[-1]))
    pair = torch.from_numpy(predicted), torch.from_numpy(exact)
    return Exact(exact, tuple(mse(*pair).tolist()), tuple(correlation_r(*pair).tolist()), seconds)
