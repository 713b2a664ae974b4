"""Chebyshev recurrences of waves and, in the opposite direction, of their adjoints.

With τ_m = T_m(X)|0⟩ and a real function L of moments μ_m = ⟨0|T_m|0⟩, or of components ⟨g|τ_m⟩, the adjoint waves
λ_m = ∂L/∂τ_m + 2X λ_{m+1} − λ_{m+2} give ∂L/∂(2X) = Σ λ_{m+1} τ_m† + ½ λ_1 τ_0†. Where all τ take too much
memory they are made again: their recurrence is as stable backwards as it is forwards.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from lacbed_gan.diffraction.gradients.step import Step

Functionals = tuple[Tensor, Tensor]  # rows (G,) and weights (G, S), ⟨g|v⟩ = Σ_s weight_s v_s,row
Pair = tuple[Tensor, Tensor]  # λ_{m+1} (L, S, R, P) for each of L functions, and τ_m (S, R, P)


def inner(first: Tensor, second: Tensor) -> Tensor:
    """(…, P) Re ⟨first|second⟩ of waves (…, S, R, P)."""
    product = first * second if not first.is_complex() else (first.conj() * second).real
    return product.sum((-3, -2))


def moments(step: Step, count: int, keep: bool) -> tuple[Tensor, Tensor]:
    """μ_m = ⟨0|T_m(X)|0⟩, m < count, from waves of half the degree: μ_2m = 2⟨τ_m|τ_m⟩ − 1 and so on.

    Returns:
        moments: (count, P) real; count is even.
        waves: (count/2 + 1, S, R, P) all τ to keep, or (2, S, R, P) the last two.
    """
    waves = step.matrix.new_empty(count // 2 + 1 if keep else 2, *step.shape)
    before, now = waves[0].copy_(step.start()), waves[1]
    now.copy_(step(before).div_(2))
    moments = torch.empty(count, step.shape[-1], dtype=step.real, device=now.device)
    moments[0], moments[1] = 1, now[0, 0].real
    for m in range(1, count // 2):
        moments[2 * m] = 2 * inner(now, now) - 1
        before, now = now, step(now, before, waves[m + 1] if keep else None)
        moments[2 * m + 1] = 2 * inner(now, before) - moments[1]
    return moments, waves if keep else torch.stack([before, now])


def adjoint_of_moments(step: Step, weights: Tensor, waves: Tensor) -> Iterator[Pair]:
    """Pairs of which sums make ∂L/∂(2X), of L = Σ weight_m μ_m.

    Args:
        weights: (L, M, P) real.
        waves: what :func:`moments` returns; where these are the last two, the others are made again on the way.

    Yields:
        (L, S, R, P), (S, R, P): λ_{m+1} and τ_m, m from M/2 − 1 to 0; the last one halved. Valid until the next.
    """
    count = weights.shape[1]
    w = weights.movedim(1, 0)[:, :, None, None]  # (M, L, 1, 1, P)
    again = len(waves) == 2
    *_, lower, upper = waves  # τ_{m−1}, τ_m of m = M/2
    now = 2 * w[count - 1] * lower
    before = torch.zeros_like(now)
    if again:  # τ runs along with λ
        now, before = torch.cat([lower[None], now]), torch.cat([upper[None], before])
    for m in range(count // 2 - 1, 0, -1):
        here, above = (now[0], before[0]) if again else (waves[m], waves[m + 1])
        yield now[again:], here
        before[again:].addcmul_(w[2 * m + 1], above, value=-2)
        before = step(now, before)
        below = before[0] if again else waves[m - 1]
        before[again:].addcmul_(w[2 * m], here, value=4)
        if m > 1:
            before[again:].addcmul_(w[2 * m - 1], below, value=2)
        before, now = now, before
    now[again:, 0, 0] += weights[:, 1] - weights[:, 3::2].sum(1)
    yield now[again:] / 2, step.start()


def components(step: Step, count: int, keep: bool, functionals: Functionals) -> tuple[Tensor, Tensor]:
    """⟨g|τ_m⟩, m < count, of some beams.

    Returns:
        components: (count, G, P) real or complex.
        waves: (count, S, R, P) all τ to keep, or (2, S, R, P) the last two.
    """
    rows, weights = functionals
    weights = weights.T[..., None].to(step.matrix)
    waves = step.matrix.new_empty(count if keep else 2, *step.shape)
    before, now = waves[0].copy_(step.start()), waves[1]
    now.copy_(step(before).div_(2))
    found = [(wave[:, rows] * weights).sum(0) for wave in (before, now)]
    for m in range(2, count):
        before, now = now, step(now, before, waves[m] if keep else None)
        found.append((now[:, rows] * weights).sum(0))
    return torch.stack(found), waves if keep else torch.stack([before, now])


def adjoint_of_components(step: Step, gradients: Tensor, waves: Tensor, functionals: Functionals) -> Iterator[Pair]:
    """Pairs of which sums make ∂L/∂(2X), of functions with ∂L/∂⟨g|τ_m⟩ (L, M, G, P); as :func:`adjoint_of_moments`."""
    rows, weights = functionals
    weights = weights.T[..., None].to(step.matrix)
    again = len(waves) == 2
    lower, upper = waves[-2], waves[-1]

    def add(to: Tensor, m: int) -> None:
        to.index_add_(2, rows, gradients[:, m, None] * weights)  # (L, S, G, P)

    now = step.matrix.new_zeros(len(gradients), *step.shape)
    before = torch.zeros_like(now)
    add(now, gradients.shape[1] - 1)
    if again:
        now, before = torch.cat([lower[None], now]), torch.cat([upper[None], before])
    for m in range(gradients.shape[1] - 2, 0, -1):
        yield now[again:], now[0] if again else waves[m]
        before = step(now, before)
        add(before[again:], m)
        before, now = now, before
    yield now[again:] / 2, step.start()
