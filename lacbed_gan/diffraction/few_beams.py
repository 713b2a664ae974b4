"""Patterns of few beams, dressed with weak ones, from images of ρ: a fast first answer that a network corrects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lacbed_gan.diffraction.beams import Beams
from lacbed_gan.diffraction.dressing import dressed
from lacbed_gan.diffraction.from_potential import NOISE, Coefficients, coefficients
from lacbed_gan.diffraction.net import Net
from lacbed_gan.diffraction.pixels import IndependentPixels
from lacbed_gan.diffraction.recursion.converged import intensities
from lacbed_gan.diffraction.together import SIMILAR, TOGETHER
from lacbed_gan.diffraction.window import Window

REACH = 3.0  # 1/Å, cut-off of the weak beams
FEWEST = 150  # beams of small cells, whose windows are wide, are so many, as far as there are up to `REACH`
COARSE = 16  # directions along an edge of the window over which the effect of weak beams is averaged
# The symmetry 2mm that every pattern of a cubic crystal along [001] has, and 4mm of those with diagonal lines too
MIRRORS = (((1, 0), (0, 1)), ((-1, 0), (0, 1)), ((1, 0), (0, -1)), ((-1, 0), (0, -1)))
DIAGONALS = (*MIRRORS, *(matrix[::-1] for matrix in MIRRORS))


def few_beam_patterns(
    potential: Sequence[NDArray[np.float32]],
    spans: Sequence[float],
    a: Sequence[float],
    thickness: Sequence[float],
    window: Window,
    g_max: float,
    energy_kv: float = 200.0,
    device: str | torch.device = "cpu",
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Patterns of cubic crystals along [001] with the beams up to g_max, dressed with those up to `REACH`.

    Of small cells at least `FEWEST` beams are taken.

    Args:
        potential: N of (n, n), ρ at r = i/n, scaled to [0, 1].
        spans: ρ_max − ρ_min in 1/Å², N of them.
        a: N cell edges in Å.
        thickness: T values in nm.
        window: H × H directions.
        g_max: in 1/Å.

    Yields:
        The place of a crystal and its patterns (T, H, H) in [0, 1]: those without diagonal lines of reflection first,
        by rising numbers of beams.

    Raises:
        CalculationError: ρ is flat, or holds values that are not finite.
    """
    device = torch.device(device)
    nets = [Net.square(edge) for edge in a]
    kinds = [_kind(rho, net, g_max) for rho, net in zip(potential, nets, strict=True)]
    group: list[int] = []
    for i in [*sorted(range(len(kinds)), key=kinds.__getitem__), None]:
        if group and (i is None or len(group) == TOGETHER[device.type] or not _alike(kinds[group[0]], kinds[i])):
            # Only now: the beams of all crystals of a large store, with what weak ones add, take gigabytes
            beams = [few_beams(coefficients(potential[j]), spans[j], nets[j], window, g_max) for j in group]
            symmetry = DIAGONALS if kinds[group[0]][0] else MIRRORS
            pixels = IndependentPixels.of_window(window, symmetry, nets[group[0]])
            k = [torch.from_numpy(window.directions(nets[j], pixels.rows, pixels.columns)) for j in group]
            values, _ = intensities(beams, torch.stack(k).to(device), thickness, energy_kv)
            for j, value in zip(group, values[:, 0].cpu(), strict=True):
                yield j, pixels.complete(value).numpy()
            group = []
        if i is not None:
            group.append(i)


def _kind(potential: NDArray[np.float32], net: Net, g_max: float) -> tuple[bool, int]:
    """Whether there are diagonal lines of reflection, and about how many beams."""
    waves = coefficients(potential)
    return has_diagonals(waves.values), max(FEWEST, len(waves.beams(1.0, net, g_max)))


def _alike(first: tuple[bool, int], other: tuple[bool, int]) -> bool:
    """Whether crystals of two kinds, the first of fewer beams, can be calculated together."""
    return first[0] == other[0] and other[1] <= SIMILAR * first[1]


def has_diagonals(values: Tensor) -> bool:
    """Whether ρ has lines of reflection, mirrors or glides, along the diagonals of its cell.

    Args:
        values: (2m + 1, 2m + 1) ρ_hk for h, k = −m … m, real.
    """
    order = torch.arange(len(values)) - len(values) // 2
    h, k = torch.meshgrid(order, order, indexing="ij")
    # exp 2πi (h u + k v) of the translations (u, v) of glides that leave the two-fold axis one
    phases = (0 * h, h, k, h + k, (h + k) // 2, (h - k) // 2)
    rest = [(values.T - values * (1 - 2 * (phase % 2))).square().sum() for phase in phases]
    return bool(min(rest) <= NOISE * values.square().sum())


def few_beams(waves: Coefficients, span: float, net: Net, window: Window, g_max: float) -> Beams:
    """Beams up to g_max in 1/Å, at least `FEWEST`, dressed for a window; as in :func:`few_beam_patterns`.

    Args:
        waves: of ρ scaled to [0, 1].
        span: ρ_max − ρ_min in 1/Å².
    """
    coarse = Window(COARSE, window.half_width, window.unit)
    rows, columns = np.indices((COARSE, COARSE)).reshape(2, -1)
    more = waves.beams(span, net, max(g_max, REACH))
    g_max = max(g_max, float(more.g.norm(dim=1)[:FEWEST].max()))
    few = waves.beams(span, net, g_max * (1 + 1e-9))  # whole shells
    return dressed(few, more, torch.from_numpy(coarse.directions(net, rows, columns)))
