"""LACBED intensities with absorption: slices of thickness, each a Chebyshev series in A + iU′.

With absorption the recursion method fails: its tridiagonal matrix has spurious eigenvalues with negative imaginary
parts, which make waves grow. Here the wave itself is followed. A slice is so thin that its series cannot grow either:
it takes no more than a few powers of e from the most strongly absorbed Bloch wave.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from lacbed_gan.diffraction.beams import Beams
from lacbed_gan.diffraction.constants import wavelength
from lacbed_gan.diffraction.errors import CalculationError
from lacbed_gan.diffraction.operators.absorbing import AbsorbingOperator, Product
from lacbed_gan.diffraction.recursion.tridiagonal import cosine_transform, spectral_range

MARGIN = 0.05  # by which the range of the series goes beyond both ends of the spectrum of A, of half the range
ATTENUATION = 3.0  # of the most strongly absorbed Bloch wave in a slice, an exponent: the series grows to e⁵ then
PHASE = 400.0  # by which the fastest and the slowest Bloch wave come apart in a slice, halved; rounding grows with it
NEGLIGIBLE = 1e-8  # coefficients of a series
NARROWEST = 1e-3  # 1/Å², half the range of a series, for the direct beam alone
EXTREMES = 32  # steps of a recursion that finds the ends of a spectrum within a per cent of its range
ATTEMPTS = 4  # with margins that double, should a spectrum reach beyond the ends after all
GAIN = 1e-3  # of the intensity of all beams together, which absorption only lowers
PIXELS, CACHED = 64, 1 << 15  # of a batch on a CPU: at least so many; complex numbers of a vector in its cache
GPU_SHARE = 0.3  # of the free memory, for the waves of a batch


@torch.inference_mode()
def absorbed_intensities(
    beams: Beams,
    absorption: Beams,
    k: Tensor,
    thickness: Sequence[float],
    energy_kv: float = 200.0,
    reflections: Tensor | None = None,
) -> Tensor:
    """I_g(t) = |[exp(2πi t (√(k₀² + A + iU′) − k₀))]_g0|² of one crystal, with A and k₀ as in :mod:`.converged`.

    With the origin on a two-fold axis the matrix is symmetric, and the amplitude of the direct beam at t is ψᵀψ of
    the wave ψ at t/2: half the way is enough, unless other beams are asked for.

    Args:
        beams, absorption: the same beams with U and with U′ for their potential.
        k: (P, 2) float64 in 1/Å, in-plane components of the incoming beams; neighbours should have similar |k|.
        thickness: T values in nm.
        reflections: (G,) indices into the beams, −1 for one that is not among them and stays dark.

    Returns:
        (1 + G, T, P) float32 in [0, 1], the direct beam first.

    Raises:
        CalculationError: a potential is not finite, or gives waves intensity instead of taking it.
    """
    wave_number = 1 / wavelength(energy_kv)
    depths = [10.0 * t for t in thickness]
    chosen = torch.cat([torch.tensor([0]), *([] if reflections is None else [reflections])])
    results = []
    for batch in k.chunk(max(1, round(len(k) / _pixels_at_once(len(beams), k.device)))):
        operator = AbsorbingOperator(beams, absorption, batch)
        propagator, wave, depth = Propagator(operator, wave_number), operator.start(), 0.0
        halved = reflections is None and operator.symmetric
        amplitudes = {}
        for following in sorted(set(depths)):
            wave = propagator.advance(wave, (following - depth) / (1 + halved))
            amplitudes[following] = (wave**2).sum((0, 1))[None] if halved else operator.amplitudes(wave, chosen)
            depth = following
        results.append(torch.stack([amplitudes[depth] for depth in depths], 1).abs() ** 2)
    return torch.cat(results, -1).clamp_(0, 1)


class Propagator:
    """ψ(0) → ψ(t) by exp(2πi t (√(K² + A + iU′ − k_t²) − K)): a Chebyshev series for each slice of thickness.

    Args:
        operator: A + iU′ − k_t², of all pixels of a batch.
        wave_number: K in 1/Å.
    """

    def __init__(self, operator: AbsorbingOperator, wave_number: float):
        self._operator, self._wave_number = operator, wave_number
        self._ends = extremes(operator.elastic(), operator.start())
        self._strongest = extremes(operator.absorbed(), operator.start()[..., :1])[1]  # eigenvalue of U′

    def advance(self, wave: Tensor, length: float) -> Tensor:
        """The wave (S, R, P) after another `length` in Å.

        Raises:
            CalculationError: the potential is not finite, or gives waves intensity instead of taking it.
        """
        margin = MARGIN
        for _ in range(ATTEMPTS):
            low, high = self._range(margin)
            phase = math.pi * length * (self._speed(high) - self._speed(low))
            decay = math.pi * length * self._strongest / self._wave_number
            slices = max(1, math.ceil(phase / PHASE), math.ceil(decay / ATTENUATION))
            centre = complex((low + high) / 2, self._strongest / 2)
            half = max((high - low) / 2, self._strongest, NARROWEST)
            coefficients = series(centre, half, self._wave_number, length / slices)
            step, after = self._operator.scaled(centre, half), wave
            for _ in range(slices):
                after = chebyshev_sum(step, coefficients, after)
            if (after.abs() ** 2).sum((0, 1)).max() <= 1 + GAIN:
                return after
            margin *= 2
        raise CalculationError("the imaginary part of the potential gives waves intensity instead of taking it")

    def _range(self, margin: float) -> tuple[float, float]:
        low, high = self._ends
        if not math.isfinite(high - low + self._strongest):
            raise CalculationError("the potential holds numbers that are not finite")
        more = margin * (high - low) / 2
        return low - more, high + more

    def _speed(self, x: float) -> float:
        return math.sqrt(max(self._wave_number**2 + x, 0.0))


def chebyshev_sum(step: Product, coefficients: Sequence[complex], wave: Tensor) -> Tensor:
    """Σ c_m T_m(x) ψ, where a step is 2x ψ − φ."""
    before, now = wave.clone(), step(wave) / 2
    total = coefficients[0] * before + coefficients[1] * now
    for c in coefficients[2:]:
        before, now = now, step(now, before)
        total.add_(now, alpha=c)
    return total


def extremes(product: Product, like: Tensor) -> tuple[float, float]:
    """About the lowest and the highest eigenvalue of Hermitian matrices, by a recursion from random vectors (S, R, P).

    Both are inside the spectrum, by about a per cent of its range.
    """
    random = torch.randn(like.shape, generator=torch.Generator().manual_seed(0), dtype=like.dtype)
    v = random.to(like.device)
    v /= (v.abs() ** 2).sum((0, 1)).sqrt()
    before, beta = torch.zeros_like(v), torch.zeros(v.shape[-1], device=v.device)
    alphas, betas = [], []
    for _ in range(min(EXTREMES, v.shape[0] * v.shape[1])):
        w = product(v) - beta * before
        alphas.append((v.conj() * w).real.sum((0, 1)))
        w -= alphas[-1] * v
        beta = (w.abs() ** 2).sum((0, 1)).sqrt()
        betas.append(beta)
        before, v = v, w / beta.clamp_min(1e-12)
    return spectral_range(torch.stack(alphas), torch.stack(betas)[:-1])


def series(centre: complex, half: float, wave_number: float, length: float) -> list[complex]:
    """c_m of exp(2πi t (√(K² + x) − K)) = Σ c_m T_m((x − centre)/half), t = length in Å, on the line through centre."""
    phase = math.pi * length * half / wave_number
    nodes = 2 * math.ceil(1.2 * phase + 8 * phase ** (1 / 3) + 40)
    x = centre + half * np.cos(np.pi * (np.arange(nodes) + 0.5) / nodes)
    # √(K² + x) − K without cancellation
    values = np.exp(2j * np.pi * length * x / (np.sqrt(wave_number**2 + x) + wave_number))
    (coefficients,) = cosine_transform(values[None])
    count = max(2, np.flatnonzero(np.abs(coefficients) > NEGLIGIBLE)[-1] + 1)
    return [complex(c) for c in coefficients[:count]]


def _pixels_at_once(beams: int, device: torch.device) -> int:
    if device.type == "cpu":
        return max(PIXELS, CACHED // beams)
    free, _ = torch.cuda.mem_get_info(device)
    return max(16, int(GPU_SHARE * free / (8 * 6 * beams)))
