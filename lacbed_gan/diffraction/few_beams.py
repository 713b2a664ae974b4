"""Exact patterns of few beams from images of ρ: a fast first answer that a network corrects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from lacbed_gan.diffraction.from_potential import coefficients
from lacbed_gan.diffraction.net import Net
from lacbed_gan.diffraction.pixels import IndependentPixels
from lacbed_gan.diffraction.recursion.converged import intensities
from lacbed_gan.diffraction.together import SIMILAR, TOGETHER
from lacbed_gan.diffraction.window import Window

# The symmetry 2mm that every pattern of a cubic crystal along [001] has
MIRRORS = (((1, 0), (0, 1)), ((-1, 0), (0, 1)), ((1, 0), (0, -1)), ((-1, 0), (0, -1)))


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
    """Patterns of cubic crystals along [001] with the beams up to g_max alone.

    Args:
        potential: N of (n, n), ρ at r = i/n, scaled to [0, 1].
        spans: ρ_max − ρ_min in 1/Å², N of them.
        a: N cell edges in Å.
        thickness: T values in nm.
        window: H × H directions.
        g_max: in 1/Å.

    Yields:
        The place of a crystal and its patterns (T, H, H) in [0, 1], in the order of the numbers of beams.

    Raises:
        CalculationError: ρ is flat, or holds values that are not finite.
    """
    device = torch.device(device)
    nets = [Net.square(edge) for edge in a]
    beams = [coefficients(rho).beams(span, net, g_max) for rho, span, net in zip(potential, spans, nets, strict=True)]
    group: list[int] = []
    for i in [*sorted(range(len(beams)), key=lambda i: len(beams[i])), None]:
        full = len(group) == TOGETHER[device.type]
        if group and (i is None or full or len(beams[i]) > SIMILAR * len(beams[group[0]])):
            pixels = IndependentPixels.of_window(window, MIRRORS, nets[group[0]])
            k = [torch.from_numpy(window.directions(nets[j], pixels.rows, pixels.columns)) for j in group]
            values, _ = intensities([beams[j] for j in group], torch.stack(k).to(device), thickness, energy_kv)
            for j, value in zip(group, values[:, 0].cpu(), strict=True):
                yield j, pixels.complete(value).numpy()
            group = []
        if i is not None:
            group.append(i)
