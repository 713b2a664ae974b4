"""The beams of a zone axis and their coupling: what symmetry and centring leave of the (h, k) grid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lacbed_gan.crystal.crystal import Crystal
from lacbed_gan.diffraction.constants import lorentz_factor
from lacbed_gan.diffraction.structure_factors import structure_factors

NEGLIGIBLE = 1e-9  # of the largest |U|: a reflection extinct by symmetry, up to rounding of coordinates


@dataclass(frozen=True)
class Beams:
    """Beams of the zero-order Laue zone that couple to the direct beam.

    Attributes:
        hk: (N, 2) int64 Miller indices by rising |g|, the direct beam first.
        potential: (2M + 1, 2M + 1) float64, U_hk0 in 1/Å² for h, k = −M … M, all differences of beams among
            them; real because the origin lies on a two-fold axis; U₀ = 0, which only shifts the phase.
        basis: (2, 2) int64, two short vectors (h, k) that generate the beams' lattice.
        a: cell edge in Å.
    """

    hk: Tensor
    potential: Tensor
    basis: Tensor
    a: float

    def __len__(self) -> int:
        return len(self.hk)

    def coupling(self, dtype: torch.dtype = torch.float64) -> Tensor:
        """(N, N) matrix U_{g−h} in 1/Å²."""
        difference = self.hk[:, None] - self.hk[None] + len(self.potential) // 2
        return self.potential.to(dtype)[difference[..., 0], difference[..., 1]]

    def find(self, reflections: Sequence[tuple[int, int]]) -> Tensor:
        """(G,) int64 index of each reflection (h, k) among the beams, −1 where it is not one."""
        index = {tuple(hk): i for i, hk in enumerate(self.hk.tolist())}
        return torch.tensor([index.get(tuple(g), -1) for g in reflections])

    def lattice_coordinates(self, hk: Tensor | None = None) -> Tensor:
        """(N, 2) int64 (i, j) with (h, k) = i b₁ + j b₂, of the beams or of other points (h, k) of their lattice."""
        (p, q), (r, s) = self.basis.tolist()
        h, k = (self.hk if hk is None else hk).unbind(1)
        return torch.stack([h * s - k * r, k * p - h * q], 1) // (p * s - q * r)

    def potential_differences(self, columns: int, rows: int) -> Tensor:
        """(2·columns − 1, 2·rows − 1) float64, U in 1/Å² at i b₁ + j b₂, |i| < columns, |j| < rows; 0 where unknown."""
        i, j = (torch.arange(1 - n, n) for n in (columns, rows))
        index = i[:, None, None] * self.basis[0] + j[:, None] * self.basis[1] + len(self.potential) // 2
        known = ((index >= 0) & (index < len(self.potential))).all(-1)
        index = torch.where(known[..., None], index, 0)
        return torch.where(known, self.potential[index[..., 0], index[..., 1]], 0.0)


def select_beams(crystal: Crystal, g_max: float, energy_kv: float = 200.0) -> Beams:
    """Beams with |g| ≤ g_max (1/Å) on the lattice that the non-zero U_hk0 generate."""
    reach = math.floor(g_max * crystal.a)
    potential = real_potential(crystal, 2 * reach, energy_kv)
    index = torch.arange(-reach, reach + 1)
    h, k = (x.reshape(-1) for x in torch.meshgrid(index, index, indexing="ij"))
    radius = h**2 + k**2
    lattice = _coupled_lattice(potential)
    inside = (radius <= (g_max * crystal.a) ** 2) & _on_lattice(h, k, *lattice)
    hk = torch.stack([h, k], -1)[inside]
    return Beams(hk[torch.argsort(radius[inside], stable=True)], potential, _short_basis(*lattice), crystal.a)


def real_potential(crystal: Crystal, reach: int, energy_kv: float = 200.0) -> Tensor:
    """U_hk0 for h, k = −reach … reach with the origin on a two-fold axis, where all of them are real.

    Returns:
        (2·reach + 1, 2·reach + 1) float64 in 1/Å², U₀ = 0.

    Raises:
        ValueError: the atoms are not symmetric about the crystal's two-fold axis, or have numbers that are NaN.
    """
    index = torch.arange(-reach, reach + 1)
    h, k = torch.meshgrid(index, index, indexing="ij")
    x, y = crystal.two_fold_axis
    shift = 2 * math.pi * (h.double() * x + k.double() * y)
    u = structure_factors(crystal, h, k, gamma=lorentz_factor(energy_kv)) * torch.polar(torch.ones_like(shift), shift)
    u[reach, reach] = 0
    largest = u.abs().max()
    if not torch.isfinite(largest):
        raise ValueError("the structure factors are not finite")
    if u.imag.abs().max() > 1e-6 * largest:
        raise ValueError("the atoms are not symmetric about the two-fold axis along z")
    return torch.where(u.real.abs() > NEGLIGIBLE * largest, u.real, 0.0)


def _coupled_lattice(potential: Tensor) -> tuple[int, int, int]:
    """Basis (p, q), (0, s) of the lattice that the (h, k) with U ≠ 0 generate, as (p, q, s)."""
    p = q = s = 0
    for h, k in (torch.nonzero(potential) - len(potential) // 2).tolist():
        while h:  # Euclid's algorithm on the first index
            n = p // h
            p, q, h, k = h, k, p - n * h, q - n * k
        s = math.gcd(s, k)
        if abs(p) == s == 1:
            break
    return abs(p), q if p >= 0 else -q, s


def _short_basis(p: int, q: int, s: int) -> Tensor:
    """(2, 2) shortest basis of the lattice of (p, q) and (0, s), by Gauss's reduction."""
    if p == 0 or s == 0:
        return torch.eye(2, dtype=torch.int64)
    b, c = (p, q), (0, s)
    while True:
        if b[0] ** 2 + b[1] ** 2 > c[0] ** 2 + c[1] ** 2:
            b, c = c, b
        n = round((b[0] * c[0] + b[1] * c[1]) / (b[0] ** 2 + b[1] ** 2))
        if n == 0:
            return torch.tensor([b, c])
        c = (c[0] - n * b[0], c[1] - n * b[1])


def _on_lattice(h: Tensor, k: Tensor, p: int, q: int, s: int) -> Tensor:
    if p == 0 or s == 0:  # nothing scatters: the direct beam alone
        return (h == 0) & (k == 0)
    return (h % p == 0) & ((k - torch.div(h, p, rounding_mode="floor") * q) % s == 0)
