"""What came of a fit of ρ to its pattern, and whether it is to be taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Range of ρ times thickness in nm/Å² → rms up to which a fit is better than what the network says, and is right.
# Of weak crystals the calculation leaves next to nothing (0.002 to 0.005), and what is near is not right.
KEPT, RIGHT = {100.0: 0.025, 300.0: 0.06}, {50.0: 0.005, 100.0: 0.01, 300.0: 0.04}


@dataclass(frozen=True)
class FittedPotential:
    """What came of a fit.

    Attributes:
        potential: (n, n) float32 in [0, 1], sampled as the recipe says.
        span: ρ_max − ρ_min in 1/Å².
        before, after: rms differences of the min–max scaled patterns, of the network's ρ (with its own range) and of
            the fitted one, at directions that it was not fitted at.
        atoms: that ρ was read as.
        seconds: of the processor.
        scattering: range of ρ times thickness, in nm/Å², the mean over thicknesses.
        source: ``network``, or the formula of the known structure that the fit began from.
        doubted: whether the network's ρ was; else only a right one is taken instead.
    """

    potential: NDArray[np.float32]
    span: float
    before: float
    after: float
    atoms: int
    seconds: float
    scattering: float
    source: str = "network"
    doubted: bool = True

    @property
    def better(self) -> bool:
        """Whether it is to be taken instead of what the network says."""
        return self.after <= _limit(KEPT if self.doubted else RIGHT, self.scattering) and self.after < self.before

    @property
    def right(self) -> bool:
        """Whether the pattern agrees as well as that of right ρ does."""
        return self.better and self.after <= self.right_below

    @property
    def right_below(self) -> float:
        """What that of right ρ leaves at most, rms."""
        return right_below(self.scattering)

    @property
    def line(self) -> str:
        """What was done, for a terminal."""
        kept = "kept" if self.better else "not kept"
        numbers = f"pattern off by {self.before:.3f} rms before, {self.after:.3f} after"
        what = "doubted" if self.doubted else "not sure"
        return f"the network's ρ was {what} and fitted to its pattern ({numbers}; {kept}; {self.seconds:.0f} s)"

    def to_json(self) -> dict[str, Any]:
        """All of it but the image."""
        names = ("doubted", "before", "after", "atoms", "source", "seconds", "better", "right")
        numbers = {name: getattr(self, name) for name in names}
        return numbers | {"range_of_rho": self.span, "units": {"before": "rms of min–max scaled intensity"}}


def right_below(scattering: float) -> float:
    """What the pattern of right ρ leaves at most, rms, for a range of ρ times the thickness in nm/Å²."""
    return _limit(RIGHT, scattering)


def _limit(limits: dict[float, float], scattering: float) -> float:
    return float(np.interp(scattering, list(limits), list(limits.values())))


def fit_warning(fitted: FittedPotential) -> str:
    """Of one that is better than what the network says, and not known to be right."""
    return (
        "ρ was fitted to the pattern, since what the network says makes another one; it still differs by "
        f"{fitted.after:.3f} rms ({fitted.right_below:.2g} or less for right ones, {fitted.before:.3f} before): ρ may "
        "be wrong in parts"
    )
