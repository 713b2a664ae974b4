"""One entry to both ways of computing a bright-field LACBED pattern."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from lacbed_gan.crystal.crystal import Crystal
from lacbed_gan.diffraction.patterns import G_MAX, METHODS, compute_patterns
from lacbed_gan.diffraction.window import HALF_WIDTH


def bright_field(
    crystal: Crystal,
    thickness: Sequence[float] = (50, 100, 150, 200),
    size: int = 128,
    *,
    method: str = "converged",
    g_max: float = G_MAX,
    energy_kv: float = 200.0,
    half_width: float = HALF_WIDTH,
    felix_ranks: int = 1,
) -> Tensor:
    """Bright-field LACBED pattern of a crystal seen along [001]: the intensity of the direct beam.

    Args:
        thickness: T values in nm.
        size: pixels along an edge; the image spans the same angles whatever its size.
        method: ``converged`` is exact within its cut-off; ``felix`` reproduces the numbers of the program FELIX,
            a truncated calculation, from which the published data set was made.
        g_max: cut-off of the beams in 1/Å, for ``converged``; ``felix`` has its own rule.
        energy_kv: of the beam, for ``converged``; ``felix`` is made for 200 kV.
        half_width: half the edge of the pattern in reciprocal lattice units 1/a, for ``converged``.
        felix_ranks: number of MPI processes of the FELIX run to reproduce, see
            :func:`lacbed_gan.diffraction.felix.bright_field.felix_bright_field`.

    Returns:
        (T, size, size) float32 in [0, 1]; row is k_y and column is k_x, both rising.

    Raises:
        ValueError: an unknown method, a number that is not positive, or a crystal that cannot be computed.
    """
    if method not in METHODS:
        raise ValueError(f"method '{method}' is not one of {', '.join(METHODS)}")
    if min(size, g_max, energy_kv, half_width, felix_ranks, *thickness, len(thickness)) <= 0:
        raise ValueError(f"size {size}, g_max {g_max} and thickness {list(thickness)} must be positive")
    (patterns,) = compute_patterns(
        [crystal],
        thickness,
        size,
        method=method,
        g_max=g_max,
        energy_kv=energy_kv,
        half_width=half_width,
        felix_ranks=felix_ranks,
    )
    if isinstance(patterns, ValueError):
        raise patterns
    return patterns.intensity
