"""A crystal seen along a zone axis."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from lacbed_gan.crystal.crystal import Crystal
from lacbed_gan.crystal.plane_symmetry import (
    Basis,
    Matrix,
    PlaneOperation,
    plane_operations,
    point_group,
    reflection_lines,
    two_fold_axis,
)
from lacbed_gan.diffraction.constants import lorentz_factor
from lacbed_gan.diffraction.errors import CalculationError
from lacbed_gan.diffraction.net import Net
from lacbed_gan.diffraction.structure_factors import net_structure_factors, structure_factors

NEGLIGIBLE = 1e-9  # of the largest |U|: a reflection extinct by symmetry, up to rounding of coordinates


@dataclass(frozen=True, eq=False)
class Projection:
    """What a calculation in the zero-order Laue zone needs of a crystal: its net, symmetry and Fourier coefficients.

    Attributes:
        crystal: seen along its zone axis, unless `axes` is of another.
        axes: Miller indices of b₁ and b₂ of another zone axis b₁ × b₂, x along b₁.
    """

    crystal: Crystal
    axes: Basis | None = None

    @property
    def basis(self) -> Basis:
        """Miller indices of b₁ and b₂, which generate the zone-order reflections."""
        return self.axes or self.crystal.view.basis

    @cached_property
    def net(self) -> Net:
        """The zone-order reflections h b₁ + k b₂; x is along b₁ unless the crystal's x axis is another."""
        view, metric = self.crystal.view, self.crystal.reciprocal_metric
        b = np.asarray(self.basis)
        (b11, b12), (_, b22) = b @ metric @ b.T
        length = math.sqrt(b11)
        side = 1 if self.axes else view.handedness
        vectors = ((length, 0.0), (float(b12) / length, side * math.sqrt(b22 - b12**2 / b11)))
        if self.axes or not view.is_turned:
            return Net(vectors)
        h, k = np.rint(np.asarray(view.x_axis) @ np.linalg.pinv(b)).tolist()
        x, y = np.array([h, k]) @ np.array(vectors)
        (x1, y1), (x2, y2) = np.array(vectors) @ np.array([[x, -y], [y, x]]) / math.hypot(x, y)
        return Net(((float(x1), float(y1)), (float(x2), float(y2))))

    @cached_property
    def operations(self) -> tuple[PlaneOperation, ...]:
        """Operations of the space group, projected."""
        return plane_operations(self.crystal.operations, self.basis)

    @property
    def point_group(self) -> tuple[Matrix, ...]:
        """Of the patterns, matrices on (κ₁, κ₂) and on (h, k)."""
        return point_group(self.operations)

    @property
    def rotations(self) -> tuple[Matrix, ...]:
        """Of the projected crystal itself, matrices on (κ₁, κ₂) and on (h, k): of dark-field patterns."""
        return tuple(sorted({((p, r), (q, s)) for (p, q), (r, s) in (each.matrix for each in self.operations)}))

    @cached_property
    def two_fold_axis(self) -> tuple[float, float] | None:
        """Fractional coordinates of a two-fold axis along the zone, on which all U are real; None without one."""
        return two_fold_axis(self.operations)

    @property
    def reflections(self) -> tuple[PlaneOperation, ...]:
        """Mirror and glide lines, from the origin on the two-fold axis; those normal to b₁ first."""
        return reflection_lines(self.crystal.operations, self.basis)

    def structure_factors(self, hk: Tensor, energy_kv: float = 200.0) -> Tensor:
        """U of zone-order reflections (…, 2), (…) complex128 in 1/Å², with the crystal's own origin."""
        return structure_factors(self.crystal, hk @ torch.tensor(self.basis), gamma=lorentz_factor(energy_kv))

    def net_structure_factors(self, h: Tensor, k: Tensor, energy_kv: float = 200.0) -> Tensor:
        """U of h b₁ + k b₂ for all of (H,) h and (K,) k, (H, K) complex128 in 1/Å², with the crystal's own origin."""
        gamma = lorentz_factor(energy_kv)
        return net_structure_factors(self.crystal, self.basis, self.net, h, k, gamma=gamma)

    def coefficients(self, h_max: int, k_max: int, energy_kv: float = 200.0) -> Tensor:
        """U for |h| ≤ h_max, |k| ≤ k_max: real with the origin on a two-fold axis, or complex where there is none.

        Returns:
            (2·h_max + 1, 2·k_max + 1) float64 or complex128 in 1/Å², first index h; U₀ = 0.

        Raises:
            CalculationError: the atoms are not symmetric about the two-fold axis, or have numbers that are NaN.
        """
        if self.two_fold_axis is not None:
            return self.real_coefficients(h_max, k_max, energy_kv)
        h, k = torch.arange(h_max + 1), torch.arange(-k_max, k_max + 1)  # h ≥ 0, for U_-h is the conjugate of U_h
        half = _negligible_as_zero(self.net_structure_factors(h, k, energy_kv), k_max)
        return torch.cat([half[1:].flip(0, 1).conj().resolve_conj(), half])

    def real_coefficients(self, h_max: int, k_max: int, energy_kv: float = 200.0) -> Tensor:
        """U for |h| ≤ h_max, |k| ≤ k_max with the origin on a two-fold axis, where all of them are real.

        Returns:
            (2·h_max + 1, 2·k_max + 1) float64 in 1/Å², first index h; U₀ = 0.

        Raises:
            CalculationError: there is no two-fold axis, the atoms are not symmetric about it, or have numbers that are
                NaN.
        """
        axis = self.two_fold_axis
        if axis is None:
            raise CalculationError("its operations have no two-fold axis along the zone axis")
        h, k = torch.arange(h_max + 1), torch.arange(-k_max, k_max + 1)  # h ≥ 0, for U is real and so U_-h = U_h
        x, y = (torch.exp(2j * math.pi * shift * index.double()) for shift, index in zip(axis, (h, k), strict=True))
        u = self.net_structure_factors(h, k, energy_kv) * x[:, None] * y
        u = _negligible_as_zero(u, k_max)
        largest = u.abs().max()
        if u.imag.abs().max() > 1e-6 * largest:
            raise CalculationError("the atoms are not symmetric about the two-fold axis along z")
        half = torch.where(u.real.abs() > NEGLIGIBLE * largest, u.real, 0.0)
        return torch.cat([half[1:].flip(0, 1), half])


def _negligible_as_zero(u: Tensor, k_max: int) -> Tensor:
    """Coefficients of h ≥ 0 without U₀, and without those that are zero up to rounding.

    Raises:
        CalculationError: they are not finite.
    """
    u[0, k_max] = 0
    largest = u.abs().max()
    if not torch.isfinite(largest):
        raise CalculationError("the structure factors are not finite")
    return torch.where(u.abs() > NEGLIGIBLE * largest, u, 0.0)
