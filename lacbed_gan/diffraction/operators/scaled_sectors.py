"""The blocks of :mod:`lacbed_gan.diffraction.operators.sectors`, scaled for a Chebyshev series, on a GPU."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

import torch
from torch import Tensor

from lacbed_gan.diffraction.beams import Beams
from lacbed_gan.diffraction.errors import CalculationError
from lacbed_gan.diffraction.operators.sectors import AdaptedBeams

HAS_TRITON = find_spec("triton") is not None  # comes with the PyTorch of GPUs

DOUBLINGS = 3  # |λ| ≤ (tr U^2n)^(1/2n) with n = 2^DOUBLINGS is a few per cent too large


class ScaledSectors:
    """x = 2 (A − k_t² − centre)/half for vectors (C, 4, R, P), of C crystals with lines of reflection.

    Args:
        beams: of C crystals; those with fewer beams than the others get empty places.
        device: of the vectors.

    Attributes:
        centre, half: (C,) float64 on the CPU, in 1/Å², once :meth:`aim` has been called; the eigenvalues of x are in
            [−2, 2].

    Raises:
        CalculationError: a potential has no such line, or numbers that are not finite.
    """

    def __init__(self, beams: Sequence[Beams], device: torch.device):
        adapted = [AdaptedBeams(each) for each in beams]
        rows = max(len(each.hk) for each in adapted)
        coupling = torch.zeros(len(beams), 4, rows, rows)
        self._g = torch.zeros(len(beams), rows, 2, dtype=torch.float64)
        for c, each in enumerate(adapted):
            coupling[c, :, : len(each.hk), : len(each.hk)] = each.coupling().float()
            self._g[c, : len(each.hk)] = each.along
        self._coupling = coupling.to(device)
        self._axes = torch.stack([each.axes for each in adapted]).to(device)
        self._bound = _largest_eigenvalue(self._coupling)
        if not torch.isfinite(self._bound).all():
            raise CalculationError("the potential holds numbers that are not finite")

    def aim(self, k: Tensor) -> None:
        """Take pixels (C, P, 2), float64 in 1/Å: the shorter, the narrower is the spectrum."""
        # A − k_t² = U − |k + g|²
        squared = self._g.square().sum(-1)
        farthest = squared.amax(1).sqrt() + k.norm(dim=-1).amax(1).cpu()
        low, high = -(farthest**2) - self._bound, self._bound
        self.centre, self.half = (high + low) / 2, (high - low) / 2
        factor = 2 / self.half
        on_device = factor.to(k.device)[:, None]
        self._matrix = self._coupling * on_device[..., None, None].float()
        self._matrix.diagonal(dim1=2, dim2=3).sub_(
            ((squared + self.centre[:, None]) * factor[:, None])[:, None].float().to(k.device)
        )
        along = (k[:, :, None] * self._axes[:, None]).sum(-1)  # (C, P, 2)
        g = (-2 * factor[:, None, None] * self._g).float().to(k.device)
        self._tilt = [(g[..., i].contiguous(), along[..., i].float()) for i in (0, 1)]
        self._offset = (k.square().sum(-1) * on_device).float()

    def start(self) -> Tensor:
        """The direct beam, of sector (1, 1) alone."""
        crystals, rows, _ = self._g.shape
        v = self._matrix.new_zeros(crystals, 4, rows, self._offset.shape[1])
        v[:, 0, 0] = 1
        return v

    def advance(self, w: Tensor, v: Tensor, products: Tensor) -> None:
        """w ← x v − w; products (2, C, P) ← ⟨v|v⟩, ⟨v|w⟩."""
        w.flatten(0, 1).baddbmm_(self._matrix.flatten(0, 1), v.flatten(0, 1), beta=-1)
        if w.is_cuda and HAS_TRITON:
            from lacbed_gan.diffraction.operators.fused_tilt import fused_tilt

            fused_tilt(w, v, self._tilt, self._offset, products)
            return
        x, y = (g[:, None, :, None] * k[:, None, None] for g, k in self._tilt)
        w[:, :2].addcmul_(x, v[:, 2:])
        w[:, 2:].addcmul_(x, v[:, :2])
        w[:, ::2].addcmul_(y, v[:, 1::2])
        w[:, 1::2].addcmul_(y, v[:, ::2])
        w.addcmul_(self._offset[:, None, None], v, value=-1)
        products[0], products[1] = (v * v).sum((1, 2)), (v * w).sum((1, 2))


def _largest_eigenvalue(coupling: Tensor) -> Tensor:
    """(C,) float64 on the CPU: what no |λ| of symmetric blocks (C, 4, R, R) is above, (tr U^2n)^(1/2n)."""
    size = coupling.flatten(1).norm(dim=1)
    power = coupling / size.clamp_min(torch.finfo(size.dtype).tiny)[:, None, None, None]
    for _ in range(DOUBLINGS):
        power = power @ power
    trace = power.double().square().sum((1, 2, 3))
    return (1.001 * size.double() * trace ** (0.5 ** (DOUBLINGS + 1))).cpu()  # rounding of the products
