"""Chebyshev recurrences of waves and, in the opposite direction, of their adjoints.

With τ_m = T_m(X)|0⟩ and a real function L of moments μ_m = ⟨0|T_m|0⟩, or of components ⟨g|τ_m⟩, the adjoint waves
λ_m = ∂L/∂τ_m + 2X λ_{m+1} − λ_{m+2} give ∂L/∂(2X) = Σ λ_{m+1} τ_m† + ½ λ_1 τ_0†. The recurrence of τ is
as stable backwards as it is forwards: they are made again on the way back, and none is kept but the last two.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from lacbed_gan.diffraction.gradients.step import Step

Functionals = tuple[Tensor, Tensor]  # rows (G,) and weights (G, S), ⟨g|v⟩ = Σ_s weight_s v_s,row
Pair = tuple[Tensor, Tensor]  # λ_{m+1} (L, S, R, P) for each of L functions, and τ_m (S, R, P)


def moments(step: Step, count: int) -> tuple[Tensor, Tensor]:
    """μ_m = ⟨0|T_m(X)|0⟩, m < count, from waves of half the degree: μ_2m = 2⟨τ_m|τ_m⟩ − 1 and so on.

    Returns:
        moments: (count, P) real; count is even.
        last: (2, S, R, P) τ of degree count/2 − 1 and count/2.
    """
    before = step.start()
    now = step(before).div_(2)
    moments = torch.empty(count, step.shape[-1], dtype=step.real, device=now.device)
    moments[0], moments[1] = 1, now[0, 0].real
    even, odd, before, now = step.products(before, now, count // 2 - 1)
    moments[2::2], moments[3::2] = 2 * even - 1, 2 * odd - moments[1]
    return moments, torch.stack([before, now])


def adjoint_of_moments(step: Step, weights: Tensor, last: Tensor) -> Iterator[Pair]:
    """Pairs of which sums make ∂L/∂(2X), of L = Σ weight_m μ_m.

    Args:
        weights: (L, M, P) real.
        last: what :func:`moments` returns.

    Yields:
        (L, S, R, P), (S, R, P): λ_{m+1} and τ_m, m from M/2 − 1 to 0; the last one halved. Valid until the next.
    """
    count = weights.shape[1]
    odd = 2 * weights[:, 1::2]  # of μ_2m+1
    below_of_1 = torch.zeros_like(odd[:, :1])  # μ_1 is no product of two τ
    factors = torch.stack([4 * weights[:, 2::2], torch.cat([below_of_1, odd[:, 1:-1]], 1), odd[:, 1:]], 2)
    factors = factors.transpose(0, 1).contiguous()  # (M/2 − 1, L, 3, P)
    here, above = last.clone()
    spare = torch.empty_like(here)
    now = odd[:, -1, None, None] * here
    before = torch.zeros_like(now)
    for m in range(count // 2 - 1, 0, -1):
        yield now, here
        below = step(here, above, spare)
        before, now = now, step.with_sources(now, before, (here, below, above), factors[m - 1])
        spare, above, here = above, here, below
    now[:, 0, 0] += weights[:, 1] - weights[:, 3::2].sum(1)
    yield now / 2, step.start()


def components(step: Step, count: int, functionals: Functionals) -> tuple[Tensor, Tensor]:
    """⟨g|τ_m⟩, m < count, of some beams.

    Returns:
        components: (count, G, P) real or complex.
        last: (2, S, R, P) τ of degree count − 2 and count − 1.
    """
    rows, weights = functionals
    weights = weights.T[..., None].to(step.matrix)
    before = step.start()
    now = step(before).div_(2)
    found = [(wave[:, rows] * weights).sum(0) for wave in (before, now)]
    for _ in range(2, count):
        before, now = now, step(now, before)
        found.append((now[:, rows] * weights).sum(0))
    return torch.stack(found), torch.stack([before, now])


def adjoint_of_components(step: Step, gradients: Tensor, last: Tensor, functionals: Functionals) -> Iterator[Pair]:
    """Pairs of which sums make ∂L/∂(2X), of functions with ∂L/∂⟨g|τ_m⟩ (L, M, G, P); as :func:`adjoint_of_moments`."""
    rows, weights = functionals
    weights = weights.T[..., None].to(step.matrix)

    def add(to: Tensor, m: int) -> None:
        to.index_add_(2, rows, gradients[:, m, None] * weights)  # (L, S, G, P)

    here, above = last.clone()
    spare = torch.empty_like(here)
    now = here.new_zeros(len(gradients), *step.shape)
    before = torch.zeros_like(now)
    add(now, gradients.shape[1] - 1)
    for m in range(gradients.shape[1] - 2, 0, -1):
        yield now, here
        before, now = now, step(now, before)
        add(now, m)
        spare, above, here = above, here, step(here, above, spare)
    yield now / 2, step.start()
