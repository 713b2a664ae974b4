"""⟨0|exp(2πi t √(K² + T))|0⟩ of many tridiagonal matrices, by Chebyshev moments."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from lacbed_gan.diffraction.errors import CalculationError

CACHED = 50_000  # numbers of one array of a batch of matrices on a CPU: five of them stay in a core's cache
TEST_POINTS = 8  # of each of two refinements of the spectral range
END = 8  # last rows of a matrix, in which arriving amplitude tells that the matrix is too short
INSTANTS = 12  # up to half the largest thickness, at which that is looked at


def direct_beam_intensity(
    alpha: Tensor, beta: Tensor, offset: Tensor, wave_number: float, thickness: Sequence[float]
) -> tuple[Tensor, Tensor]:
    """I(t) = |⟨0|exp(2πi t √(K² + T − k_t²))|0⟩|² for P tridiagonal matrices T.

    The exponential is a Chebyshev series in T scaled to [−1, 1]; its moments μ_m = ⟨0|T_m|0⟩ come from vectors
    of half that degree, μ_2m = 2⟨v_m|v_m⟩ − μ₀ and μ_2m+1 = 2⟨v_m|v_m+1⟩ − μ₁. The shift by k_t² makes the
    series the same for all P.

    Args:
        alpha: (n, P) diagonals in 1/Å².
        beta: (n, P) couplings of element i to i + 1; the last one leads out of the matrix and is not used.
        offset: (P,) k_t² in 1/Å².
        wave_number: K in 1/Å.
        thickness: T values in Å.

    Returns:
        intensity: (T, P) float32.
        leak: (P,) float32, |amplitude|² in the last rows of T, the largest up to half the largest thickness. The
            amplitude at t is a product of two at t/2, so that a longer T would change it by the order of the leak.

    Raises:
        CalculationError: α or β is NaN or infinite.
    """
    centre, half = _range(alpha, beta, offset)
    series = chebyshev_series(centre, half, wave_number, thickness)
    times = [max(thickness) / 2 * (i + 1) / INSTANTS for i in range(INSTANTS)]
    halfway = chebyshev_series(centre, half, wave_number, times)[:, : series.shape[1] // 2]
    if alpha.is_cuda:
        moments, end = _moments(*_scaled(alpha, beta, offset, centre, half), series.shape[1])  # (M, P), (M/2, END, P)
    else:
        from lacbed_gan.diffraction.recursion import polynomials  # Numba, which takes a while to import, when needed

        a, b, shift = (each.contiguous().numpy() for each in (alpha, beta, offset.double()))
        found = polynomials.moments(a, b, shift, centre, half, series.shape[1], min(END, len(alpha)))
        moments, end = map(torch.from_numpy, found)
    first = max(0, len(alpha) - 2)  # amplitude has not arrived before
    arrived = _squared(_real_and_imaginary(halfway, end)[:, first:] @ end[first : halfway.shape[1]].flatten(1))
    leak = arrived.view(INSTANTS, *end.shape[1:]).sum(1).amax(0)
    return _squared(_real_and_imaginary(series, moments) @ moments), leak


def _real_and_imaginary(coefficients: np.ndarray, like: Tensor) -> Tensor:
    """(T, M) complex → (2 T, M) float32, real parts first."""
    return torch.from_numpy(np.concatenate([coefficients.real, coefficients.imag])).to(like.device, torch.float32)


def _squared(parts: Tensor) -> Tensor:
    """Real and imaginary parts (2 T, …) → absolute values squared (T, …)."""
    return parts.square().unflatten(0, (2, -1)).sum(0)


def diffracted_intensity(
    alpha: Tensor, beta: Tensor, components: Tensor, offset: Tensor, wave_number: float, thickness: Sequence[float]
) -> Tensor:
    """I_g(t) = |Σ_j ⟨g|j⟩ ⟨j|exp(2πi t √(K² + T − k_t²))|0⟩|² with the Lanczos vectors |j⟩, for several g.

    The sum of the Chebyshev series itself is formed, as a vector: there is no half degree to save here.

    Args:
        components: (n, G, P) float32 or complex64, ⟨g|j⟩; the others are those of :func:`direct_beam_intensity`.

    Returns:
        (G, T, P) float32.
    """
    centre, half = _range(alpha, beta, offset)
    diagonal, coupling = _scaled(alpha, beta, offset, centre, half)
    series = chebyshev_series(centre, half, wave_number, thickness)
    real_and_imaginary = torch.from_numpy(np.stack([series.real, series.imag], 1)).to(diagonal.device, torch.float32)
    intensity = []
    for part in _columns(diagonal):
        v = _chebyshev_vectors(diagonal[:, part].contiguous(), coupling[:, part].contiguous())
        state = diagonal.new_zeros(len(thickness), 2, len(diagonal), diagonal[:, part].shape[1])
        for c in real_and_imaginary.permute(2, 0, 1)[..., None, None]:
            state.addcmul_(c, next(v))
        if components.is_complex():
            wave = torch.einsum("ngp,tnp->gtp", components[..., part], torch.complex(state[:, 0], state[:, 1]))
            intensity.append(wave.abs() ** 2)
            continue
        amplitude = torch.einsum("ngp,tcnp->gtcp", components[..., part], state)
        intensity.append((amplitude**2).sum(2))
    return torch.cat(intensity, -1)


def _range(alpha: Tensor, beta: Tensor, offset: Tensor) -> tuple[float, float]:
    """Centre and half of the range of all eigenvalues of T − k_t²."""
    low, high = spectral_range((alpha.double() - offset.double()).float(), beta[:-1].float())
    if not math.isfinite(high - low):
        raise CalculationError("the tridiagonal matrices hold numbers that are not finite")
    return (high + low) / 2, max((high - low) / 2, 1e-6)


def _scaled(alpha: Tensor, beta: Tensor, offset: Tensor, centre: float, half: float) -> tuple[Tensor, Tensor]:
    """Twice the matrices T − k_t², scaled to [−1, 1], as 2x T_m − T_(m−1) wants them."""
    diagonal = (alpha.double() - offset.double() - centre) * (2 / half)
    return diagonal.float(), (beta[:-1].double() * (2 / half)).float()


def _columns(diagonal: Tensor) -> Iterator[slice]:
    """Matrices to work on together: (n, P) → slices of P."""
    n, columns = diagonal.shape
    parts = max(1, round(n * columns / CACHED)) if diagonal.device.type == "cpu" else 1
    step = math.ceil(columns / parts)
    for first in range(0, columns, step):
        yield slice(first, first + step)


def _chebyshev_vectors(diagonal: Tensor, coupling: Tensor) -> Iterator[Tensor]:
    """T_m|0⟩, m = 0, 1, …, of twice the scaled matrices (n, P), (n − 1, P): (n, P) each, valid until the next."""
    up, down, v, w = _start(diagonal, coupling)
    yield v[1:-1]
    while True:
        yield w[1:-1]
        v[1:-1].neg_().addcmul_(diagonal, w[1:-1]).addcmul_(up, w[2:]).addcmul_(down, w[:-2])
        v, w = w, v


def _start(diagonal: Tensor, coupling: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """What the recurrence 2x T_m − T_(m−1) starts from, of twice the scaled matrices (n, P), (n − 1, P).

    Returns:
        up, down: (n, P), coupling of each row to the next and to the one before; 0 where there is none.
        v, w: (n + 2, P), T_0|0⟩ and T_1|0⟩ in rows 1 to n; rows 0 and n + 1 are to stay zero, so that both neighbours
            exist everywhere.
    """
    n, columns = diagonal.shape
    around = diagonal.new_zeros(n + 1, columns)
    around[1:n] = coupling
    v, w = (diagonal.new_zeros(n + 2, columns) for _ in range(2))
    v[1] = 1
    w[1:3] = torch.stack([diagonal[0], around[1]]) / 2
    return around[1:], around[:-1], v, w


def spectral_range(alpha: Tensor, beta: Tensor) -> tuple[float, float]:
    """Bounds of all eigenvalues of P tridiagonal matrices (n, P), (n − 1, P).

    Gershgorin's circles overestimate the range by a third or more, which the series would pay for in terms. So
    points between them and a known eigenvalue's side, the diagonal, are tested by Sturm's criterion: x is above
    every eigenvalue when all pivots of x − T are positive. Two refinements leave 1/TEST_POINTS² of the excess.
    """
    radius = torch.zeros_like(alpha)
    radius[:-1] += beta
    radius[1:] += beta
    # Two sides: T from above, −T from above. No eigenvalue is beyond `outer`, one is beyond `inner`.
    sides = torch.stack([alpha, -alpha])  # (2, n, P)
    outer = (sides + radius).amax((1, 2))
    inner = sides.amax((1, 2))
    squared = beta.square()
    fraction = torch.linspace(0, 1, TEST_POINTS + 1, device=alpha.device)[1:]
    for _ in range(2):
        points = inner[:, None] + fraction * (outer - inner)[:, None]  # (2, TEST_POINTS)
        above = (_lowest_pivots if alpha.is_cuda else _lowest_pivots_on_a_core)(sides, squared, points) > 0
        above[:, -1] = True  # Gershgorin's own bound, up to rounding
        first = above.int().argmax(1)
        step = (outer - inner) / TEST_POINTS
        inner, outer = inner + first * step, inner + (first + 1) * step
    margin = 1e-5 * (outer.abs().max() + 1)  # rounding of the pivots
    return -float(outer[1] + margin), float(outer[0] + margin)


def _lowest_pivots(sides: Tensor, squared: Tensor, points: Tensor) -> Tensor:
    """Smallest pivot of x − T of all matrices (2, n, P), couplings squared (n − 1, P), at points (2, X): (2, X)."""
    pivot = points[..., None] - sides[:, None, 0]
    lowest = pivot.clone()
    for i in range(1, sides.shape[1]):
        pivot = points[..., None] - sides[:, None, i] - squared[i - 1] / pivot
        torch.minimum(lowest, pivot, out=lowest)
    return lowest.amin(2)


def _lowest_pivots_on_a_core(sides: Tensor, squared: Tensor, points: Tensor) -> Tensor:
    """As :func:`_lowest_pivots`, by compiled code."""
    from lacbed_gan.diffraction.recursion import polynomials

    a, b, x = (each.contiguous().numpy() for each in (sides, squared, points))
    return torch.from_numpy(polynomials.lowest_pivots(a, b, x))


def chebyshev_series(centre: float, half: float, wave_number: float, thickness: Sequence[float]) -> np.ndarray:
    """(T, M) complex coefficients c_m of exp(2πi t √(K² + x)) = Σ c_m T_m((x − centre)/half)."""
    low, high = (math.sqrt(max(wave_number**2 + centre + s * half, 0.0)) for s in (-1, 1))
    phase = 2 * math.pi * max(thickness) * (high - low) / 2
    # Coefficients fall off like Bessel functions J_m(phase): beyond the phase within about phase^(1/3) orders.
    count = 2 * ((math.ceil(phase + 8 * phase ** (1 / 3)) + 20) // 2)
    x = centre + half * np.cos(np.pi * (np.arange(count) + 0.5) / count)
    k = np.sqrt(np.maximum(wave_number**2 + x, 0.0))
    return cosine_transform(np.exp(2j * np.pi * np.asarray(thickness)[:, None] * (k - k.mean())))


def cosine_transform(values: np.ndarray) -> np.ndarray:
    """Chebyshev coefficients from values at the n nodes cos(π(j + ½)/n): (…, n) → (…, n)."""
    # Values 0, 2, 4, … and back … 5, 3, 1: a transform of n numbers instead of 2n (Makhoul 1980)
    n = values.shape[-1]
    spectrum = np.fft.fft(np.concatenate([values[..., ::2], values[..., 1::2][..., ::-1]], -1))
    turn = np.exp(-0.5j * np.pi * np.arange(n) / n) / n
    coefficients = turn * spectrum
    coefficients[..., 1:] += turn[1:].conj() * spectrum[..., :0:-1]
    return coefficients


def _moments(diagonal: Tensor, coupling: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """μ_m = ⟨0|T_m|0⟩, m = 0 … count − 1 (even), from twice the scaled matrix (n, P), (n − 1, P).

    Returns:
        moments: (count, P).
        end: (count/2, END, P), the last rows of the vectors T_m|0⟩.
    """
    n, columns = diagonal.shape
    moments = diagonal.new_empty(count, columns)
    up, down, v, w = _start(diagonal, coupling)
    moments[0], moments[1] = 1, w[1]
    end = diagonal.new_zeros(count // 2, min(END, n), columns)
    scratch = torch.empty_like(diagonal)
    # In place, v ← v ∓ (2T)w turns ±T_(m−1)|0⟩ into ∓T_(m+1)|0⟩: signs run ++−−.
    # `sign` is that of v times that of w.
    sign, rows = 1, 0
    for m in range(1, count // 2):
        if rows < min(n, m + 2):  # T_m|0⟩ has no element beyond row m: take up more rows in strides
            rows = min(n, m + 64)
            v_views, w_views = ((x[1 : rows + 1], x[2 : rows + 2], x[:rows]) for x in (v, w))
            d, u, o, product = diagonal[:rows], up[:rows], down[:rows], scratch[:rows]
        here, below, above = w_views
        torch.sum(torch.mul(here, here, out=product), 0, out=moments[2 * m])
        v_views[0].addcmul_(d, here, value=-sign).addcmul_(u, below, value=-sign).addcmul_(o, above, value=-sign)
        torch.sum(torch.mul(v_views[0], here, out=product), 0, out=moments[2 * m + 1])
        if rows == n:
            end[m] = here[-END:] if m % 4 < 2 else -here[-END:]
        v, w, v_views, w_views, sign = w, v, w_views, v_views, -sign
    moments[2::2] = 2 * moments[2::2] - 1
    moments[3::4] = -2 * moments[3::4] - moments[1]
    moments[5::4] = 2 * moments[5::4] - moments[1]
    return moments, end
