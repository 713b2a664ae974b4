"""LACBED intensities with absorption at many thicknesses: the moments of one recursion give all of a slice.

The intensities are those of :mod:`.slices`, which follows the wave from each thickness to the next. Here a slice is as
thick as rounding allows, and what lies within it costs a row of coefficients each: for thicknesses that are sought.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lacbed_gan.diffraction.beams import Beams
from lacbed_gan.diffraction.constants import wavelength
from lacbed_gan.diffraction.errors import CalculationError
from lacbed_gan.diffraction.operators.absorbing import AbsorbingOperator, Product
from lacbed_gan.diffraction.recursion.slices import (
    ATTEMPTS,
    ATTENUATION,
    GAIN,
    MARGIN,
    NARROWEST,
    NEGLIGIBLE,
    PHASE,
    extremes,
)
from lacbed_gan.diffraction.recursion.tridiagonal import cosine_transform

NUMBERS = 1 << 17  # complex ones, of the waves of a batch


@torch.inference_mode()
def intensities_at_all(
    beams: Beams,
    absorption: Beams,
    k: Tensor,
    thickness: Sequence[float],
    energy_kv: float = 200.0,
    reflections: Tensor | None = None,
) -> Tensor:
    """I_g(t) = |[exp(2πi t (√(k₀² + A + iU′) − k₀))]_g0|² of one crystal at many t.

    With ψ the wave at the beginning of a slice, amplitudes at τ further on are Σ_m c_m(τ) μ_m with the moments
    μ_m = ⟨g|T_m ψ⟩. Of the direct beam of a symmetric matrix μ_m = ψᵀT_mψ, which products of T_m/2 ψ give, serve at
    twice the depth.

    Args:
        beams, absorption: the same beams with U and with U′ for their potential.
        k: (P, 2) float64 in 1/Å, in-plane components of the incoming beams.
        thickness: T values in nm, rising.
        reflections: (G,) indices into the beams, −1 for one that is not among them and stays dark.

    Returns:
        (1 + G, T, P) float32 in [0, 1], the direct beam first.

    Raises:
        CalculationError: a potential is not finite, or gives waves intensity instead of taking it.
    """
    depths = 10.0 * np.asarray(thickness, dtype=np.float64)
    chosen = torch.cat([torch.tensor([0]), *([] if reflections is None else [reflections])])
    parts = max(1, round(len(k) * len(beams) / NUMBERS))
    results = [
        _amplitudes(AbsorbingOperator(beams, absorption, batch), depths, 1 / wavelength(energy_kv), chosen)
        for batch in k.chunk(parts)
    ]
    return (torch.cat(results, -1).abs() ** 2).clamp_(0, 1)


def _amplitudes(operator: AbsorbingOperator, depths: NDArray[np.float64], wave_number: float, chosen: Tensor) -> Tensor:
    """(1 + G, T, P) complex64 at depths in Å."""
    start = operator.start()
    low, high = extremes(operator.elastic(), start)
    strongest = extremes(operator.absorbed(), start[..., :1])[1]  # eigenvalue of U′
    if not math.isfinite(high - low + strongest):
        raise CalculationError("the potential holds numbers that are not finite")
    folded = 2 if operator.symmetric and len(chosen) == 1 else 1  # times the depth that a wave at half of it serves
    for attempt in range(ATTEMPTS):
        margin = MARGIN * 2**attempt * (high - low) / 2
        spectrum = low - margin, high + margin
        fastest, slowest = (math.sqrt(max(wave_number**2 + x, 0.0)) for x in spectrum[::-1])
        phase = math.pi * float(depths[-1]) * (fastest - slowest)
        decay = math.pi * float(depths[-1]) * max(strongest, 0.0) / wave_number
        slices = max(1, math.ceil(phase / PHASE), math.ceil(folded * decay / ATTENUATION))
        ends = float(depths[-1]) * (1 + 1e-9) * np.arange(slices + 1) / slices
        centre = complex((low + high) / 2, strongest / 2)
        half = max((spectrum[1] - spectrum[0]) / 2, strongest, NARROWEST)
        step, wave, amplitudes = operator.scaled(centre, half), start, []
        for near, far in pairwise(ends.tolist()):
            within = depths[(depths > near) & (depths <= far)] - near
            c = coefficients(centre, half, wave_number, np.append(within, (far - near) / folded))
            measure = None if folded == 2 else partial(operator.amplitudes, reflections=chosen)
            moments, wave = _moments(step, wave, c[-1], c.shape[1], measure)
            amplitudes.append(torch.einsum("tm,mgp->gtp", torch.from_numpy(c[:-1]).to(moments.dtype), moments))
        if float((wave.abs() ** 2).sum((0, 1)).max()) <= 1 + GAIN:
            return torch.cat(amplitudes, 1)
    raise CalculationError("the imaginary part of the potential gives waves intensity instead of taking it")


def _moments(
    step: Product,
    wave: Tensor,
    onward: NDArray[np.complex128],
    count: int,
    measure: Callable[[Tensor], Tensor] | None,
) -> tuple[Tensor, Tensor]:
    """Moments of a wave ψ, and the wave that a series makes of it.

    Args:
        onward: (M,) coefficients of that series.
        count: of moments.
        measure: a wave → (G, P) amplitudes; None: μ_m = ψᵀT_mψ, by 2 T_m T_n = T_(m+n) + T_|m−n|.

    Returns:
        (count, G, P) complex64, and the wave (S, R, P).
    """
    terms = int(np.flatnonzero(np.abs(onward) > NEGLIGIBLE)[-1]) + 1
    needed = count if measure else count // 2 + 1
    moments: list[Tensor] = []
    following, before = torch.zeros_like(wave), wave
    for m, now in enumerate(polynomials(step, wave, max(needed, terms))):
        if m < terms:
            following.add_(now, alpha=complex(onward[m]))
        if measure:
            moments.append(measure(now))
        elif m < needed:
            if m:
                product = (now * before).sum((0, 1))[None]
                moments.append(2 * product - moments[1] if m > 1 else product)
            square = (now**2).sum((0, 1))[None]
            moments.append(2 * square - moments[0] if m else square)
        before = now
    return torch.stack(moments[:count]), following


def polynomials(step: Product, wave: Tensor, count: int) -> Iterator[Tensor]:
    """T_0 ψ, T_1 ψ, …, of which each is overwritten by the one after the next; a step is 2x ψ − φ."""
    before, now = wave.clone(), step(wave) / 2
    yield before
    for _ in range(count - 1):
        yield now
        before, now = now, step(now, before)


def coefficients(
    centre: complex, half: float, wave_number: float, lengths: NDArray[np.float64]
) -> NDArray[np.complex128]:
    """(L, M) c_m of exp(2πi t (√(K² + x) − K)) = Σ c_m T_m((x − centre)/half) for each t in Å."""
    phase = math.pi * float(lengths.max()) * half / wave_number
    nodes = 2 * math.ceil(1.2 * phase + 8 * phase ** (1 / 3) + 40)
    x = centre + half * np.cos(np.pi * (np.arange(nodes) + 0.5) / nodes)
    speed = x / (np.sqrt(wave_number**2 + x) + wave_number)  # √(K² + x) − K without cancellation
    values = cosine_transform(np.exp(2j * np.pi * lengths[:, None] * speed))
    count = max(2, int(np.flatnonzero((np.abs(values) > NEGLIGIBLE).any(0))[-1]) + 1)
    return values[:, :count]
