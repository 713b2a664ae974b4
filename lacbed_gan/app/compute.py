"""What the page computes: answers of the networks, and in processes of their own the exact patterns and the check."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from lacbed_gan.base.errors import SettingsError
from lacbed_gan.crystal import Crystal
from lacbed_gan.crystal.catalogue import catalogue
from lacbed_gan.predict.predictor import PotentialPrediction, Predictor, load
from lacbed_gan.predict.trust import PhysicsCheck


@dataclass(frozen=True)
class Networks:
    """One network of each direction."""

    forward: Predictor
    inverse: Predictor


@dataclass(frozen=True)
class Exact:
    """Patterns by the converged calculation, against those of the network.

    Attributes:
        pattern: (T, H, W) float32 in [0, 1], scaled and rounded as in a store.
        mse, r: T values each.
        seconds: that the calculation took.
    """

    pattern: np.ndarray
    mse: tuple[float, ...]
    r: tuple[float, ...]
    seconds: float


def load_networks(forward: str | None = None, inverse: str | None = None) -> Networks:
    """The networks of two files, the shipped ones unless given, after a first prediction, which takes the longest.

    Raises:
        SettingsError: a network is of the other direction.
        WeightsError: a file cannot be used.
    """
    found = []
    for direction, checkpoint in (("forward", forward), ("inverse", inverse)):
        predictor = load(checkpoint, direction)
        own = predictor.direction
        if own != direction:
            raise SettingsError(f"{direction}={checkpoint} is of direction={own}; give it as {own}=…")
        found.append(predictor)
    networks = Networks(*found)
    crystal = catalogue()["Si"]
    pattern = networks.forward.predict_patterns(crystal).pattern[:1]
    networks.inverse.predict_potential(pattern.repeat(len(networks.inverse.thicknesses), 0), crystal.a)
    return networks


def exact_patterns(crystal: Crystal, predicted: np.ndarray, thickness: Sequence[float]) -> Exact:
    """The exact patterns and how far the predicted ones are from them; seconds to minutes.

    Args:
        predicted: (T, H, W) in [0, 1].
        thickness: T values in nm.

    Raises:
        ValueError: the crystal cannot be computed.
    """
    from lacbed_gan.diffraction import bright_field
    from lacbed_gan.images.scaling import to_uint8
    from lacbed_gan.measures.metrics import correlation_r, mse

    began = time.perf_counter()
    intensity = bright_field(crystal, thickness, predicted.shape[-1]).numpy()
    seconds = time.perf_counter() - began
    exact = to_uint8(intensity).astype(np.float32) / 255
    pair = torch.from_numpy(predicted), torch.from_numpy(exact)
    return Exact(exact, tuple(mse(*pair).tolist()), tuple(correlation_r(*pair).tolist()), seconds)


def physics_check(found: PotentialPrediction, a: float) -> tuple[PhysicsCheck, float]:
    """The pattern recomputed from a predicted ρ, and the seconds it took.

    Args:
        a: cell edge in Å.

    Raises:
        ValueError: ρ is flat, or the calculation fails.
    """
    from lacbed_gan.predict.trust import check_potential

    began = time.perf_counter()
    checked = check_potential(found.potential, found.pattern, a, found.thickness, found.span)
    return checked, time.perf_counter() - began
