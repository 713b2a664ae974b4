"""The recursion method: A → a tridiagonal matrix T with ⟨0|F(A)|0⟩ = ⟨0|F(T)|0⟩."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from lacbed_gan.diffraction.beams import Beams

DENSE_BEAMS = 4000  # above this an FFT convolution takes less time than a dense product (one core: 4,086 beams)


class DenseProduct:
    """v → v U for rows v, by one matrix product."""

    def __init__(self, beams: Beams, device: torch.device):
        self.matrix = beams.coupling(torch.float32).to(device)

    def add_to(self, out: Tensor, v: Tensor) -> None:
        """out += v U; (P, N) each."""
        out.addmm_(v, self.matrix)


class FourierProduct:
    """v → v U as a convolution over the (h, k) grid, by real FFT."""

    def __init__(self, beams: Beams, device: torch.device):
        reach = len(beams.potential) // 2
        self.side = _fast_length(2 * reach + 1)
        kernel = torch.zeros(self.side, self.side)
        index = torch.arange(-reach, reach + 1) % self.side
        kernel[index[:, None], index] = beams.potential.float()
        self.kernel = torch.fft.rfft2(kernel).to(device)
        self.where = ((beams.hk[:, 0] % self.side) * self.side + beams.hk[:, 1] % self.side).to(device)

    def add_to(self, out: Tensor, v: Tensor) -> None:
        """out += v U; (P, N) each."""
        grid = v.new_zeros(len(v), self.side * self.side)
        grid[:, self.where] = v
        spectrum = torch.fft.rfft2(grid.view(len(v), self.side, self.side)) * self.kernel
        out += torch.fft.irfft2(spectrum, s=(self.side, self.side)).flatten(1)[:, self.where]


def make_product(beams: Beams, device: torch.device) -> DenseProduct | FourierProduct:
    """The product with U that takes less time for this number of beams."""
    return DenseProduct(beams, device) if len(beams) <= DENSE_BEAMS else FourierProduct(beams, device)


def _fast_length(n: int) -> int:
    """Smallest m ≥ n with no prime factor above 5, even."""
    m = n + n % 2
    while True:
        rest = m
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return m
        m += 2


def recursion(beams: Beams, product: DenseProduct | FourierProduct, k: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Lanczos recursion of A = diag(−2 k·g − |g|²) + U from the direct beam, one step at a time, for many k.

    Without re-orthogonalisation: rounding makes copies of eigenvalues, which is harmless to ⟨0|F(T)|0⟩ but
    may take more steps than there are beams.

    Args:
        k: (P, 2) in-plane component of the incoming beam in 1/Å, (x, y).

    Yields:
        α, β: (P,) float32 in 1/Å² each: the next diagonal element of T and its coupling to the one after.
    """
    g = (beams.hk.double() / beams.a).to(k.device)
    diagonal = (-2 * k.double() @ g.T - (g**2).sum(1)).float()
    v = torch.zeros_like(diagonal)
    v[:, 0] = 1  # the direct beam
    previous = torch.zeros_like(v)
    beta = v.new_zeros(len(k), 1)
    tiny = torch.finfo(v.dtype).tiny
    while True:
        # w = A v − β v₋₁, in the memory of v₋₁
        w = previous.mul_(-beta)
        w.addcmul_(diagonal, v)
        product.add_to(w, v)
        alpha = torch.linalg.vecdot(w, v).unsqueeze(1)
        w.addcmul_(alpha, v, value=-1)
        beta = torch.linalg.vector_norm(w, dim=1, keepdim=True)
        yield alpha.squeeze(1), beta.squeeze(1)
        w.div_(beta.clamp_min(tiny))
        previous, v = v, w
