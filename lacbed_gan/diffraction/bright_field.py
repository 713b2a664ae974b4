"""One entry to both ways of computing a bright-field LACBED pattern."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from lacbed_gan.crystal.crystal import Crystal
from lacbed_gan.diffraction.converged import G_MAX, converged_bright_field
from lacbed_gan.diffraction.felix import felix_bright_field

METHODS = ("converged", "felix")


def bright_field(
    crystal: Crystal,
    thickness: Sequence[float] = (50, 100, 150, 200),
    size: int = 128,
    *,
    method: str = "converged",
    g_max: float = G_MAX,
) -> Tensor:
    """Bright-field LACBED pattern of a crystal seen along [001] at 200 kV: the intensity of the direct beam.

    Args:
        thickness: T values in nm.
        size: pixels along an edge; every image spans ±7.266/a, whatever its size.
        method: ``converged`` is exact within its cut-off; ``felix`` reproduces the numbers of the program FELIX,
            a truncated calculation, from which the published data set was made.
        g_max: cut-off of the beams in 1/Å, for ``converged``; ``felix`` has its own rule.

    Returns:
        (T, size, size) float32 in [0, 1]; row is k_y and column is k_x, both rising.

    Raises:
        ValueError: an unknown method, or a thickness, size or cut-off that is not positive.
    """
    if method not in METHODS:
        raise ValueError(f"method '{method}' is not one of {', '.join(METHODS)}")
    if size < 1 or g_max <= 0 or not thickness or min(thickness) <= 0:
        raise ValueError(f"size {size}, g_max {g_max} and thickness {list(thickness)} must be positive")
    if method == "felix":
        return felix_bright_field(crystal, thickness, size).float()
    return converged_bright_field(crystal, thickness, size, g_max=g_max)
