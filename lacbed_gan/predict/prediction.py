"""What a network answers: patterns of a crystal, or ρ of a pattern, and what to know about them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from lacbed_gan.images.calibration import ASSUMED, Calibration
from lacbed_gan.predict.pattern_fit.fitted_potential import FittedPotential
from lacbed_gan.predict.physics_check import PhysicsCheck
from lacbed_gan.store.recipe import Recipe


@dataclass(frozen=True)
class PatternPrediction:
    """Patterns of one crystal.

    Attributes:
        pattern: (T, H, W) float32 in [0, 1], each min–max scaled in training; row is k_y, column is k_x.
        thickness: T values in nm.
        potential: (H, W) float32 in [0, 1], the ρ that the network was given.
        recipe: of the network's pairs, by which ρ was computed.
        b_iso: B in Å² of the atoms for which the crystal gave none; None where it gave all.
        warnings: one line each; none where the crystal is like the training data.
    """

    pattern: np.ndarray
    thickness: tuple[float, ...]
    potential: np.ndarray
    recipe: Recipe
    b_iso: float | None = None
    warnings: list[str] = field(default_factory=list)

    @property
    def displacement(self) -> str:
        """What is assumed of the atoms' vibration, in words; empty where the crystal says all."""
        return "" if self.b_iso is None else f"B = {self.b_iso:g} Å² for atoms without a displacement parameter"


@dataclass(frozen=True)
class PotentialPrediction:
    """ρ of one crystal from its pattern.

    Attributes:
        potential: (H, W) float32 in [0, 1], sampled as the recipe says; row is y, column is x. Its origin is arbitrary.
        span: predicted ρ_max − ρ_min in 1/Å², None where the network does not predict it.
        pattern: (T, H, W) float32 in [0, 1], the prepared patterns that the network was given.
        thickness: T values in nm; where a network knows many and is told none, all that it knows.
        recipe: of the network's pairs, to whose window the patterns were brought.
        calibration: how the pattern lies, as user, file or the pattern itself say, or as is assumed.
        check: the pattern recomputed from ρ, None unless asked for.
        fit: what came of fitting ρ to its pattern, of an answer that was doubted or not sure; None of
            others. Where `fit.better`, `potential` and `span` are those of the fit.
        warnings: one line each.
    """

    potential: np.ndarray
    span: float | None
    pattern: np.ndarray
    thickness: tuple[float, ...]
    recipe: Recipe
    calibration: Calibration
    check: PhysicsCheck | None = None
    fit: FittedPotential | None = None
    warnings: list[str] = field(default_factory=list)

    @property
    def assumptions(self) -> str:
        """What the pattern was taken for, in one line, each part with its source."""
        several = len(self.thickness) > len(self.pattern)  # any of them
        ends = (min(self.thickness), max(self.thickness)) if several else self.thickness
        nm = (" to " if several else ", ").join(f"{t:g}" for t in ends)
        source = self.calibration.source.get("thickness", ASSUMED)
        absorption = ", no absorption" if self.recipe.absorption == "none" else ""
        pairs = f"as in the network's pairs: {self.recipe}{absorption}"
        return f"{self.calibration}; k_x along [100] (assumed); a crystal {nm} nm thick ({source}), {pairs}"
