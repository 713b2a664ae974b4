"""Bright-field patterns as a differentiable function of structure factors, atoms, thickness and direction."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import torch
from torch import Tensor

from lacbed_gan.crystal.crystal import Crystal
from lacbed_gan.crystal.zone_axis import reflection
from lacbed_gan.diffraction.absorption import Absorption
from lacbed_gan.diffraction.beams import Beams, select_beams
from lacbed_gan.diffraction.constants import ABSORPTION_RATIO, G_MAX
from lacbed_gan.diffraction.errors import CalculationError
from lacbed_gan.diffraction.gradients.blocks import Blocks
from lacbed_gan.diffraction.gradients.coefficients import IndependentCoefficients
from lacbed_gan.diffraction.gradients.function import Intensity
from lacbed_gan.diffraction.gradients.jacobian import Jacobian, jacobian
from lacbed_gan.diffraction.gradients.setting import Setting, check_beam
from lacbed_gan.diffraction.gradients.sites import SiteFactors, site_of_atoms
from lacbed_gan.diffraction.pixels import IndependentPixels
from lacbed_gan.diffraction.projection import Projection
from lacbed_gan.diffraction.window import Window


@dataclass(frozen=True, eq=False)
class Scattering:
    """The intensities of one crystal along its zone axis, as a function that PyTorch can differentiate.

    What it is a function of are the structure factors that symmetry leaves independent, (M,) real numbers in 1/Å², the
    thickness and the direction of the incoming beam. Forward scattering with nothing else neglected, as in
    :func:`lacbed_gan.bright_field`.

    With absorption U′ stays that of the crystal (``tds``) or follows U (``proportional``), unless it is given too: u is
    then (2M + 1,), the M numbers of U and the 1 + M of U′ that :meth:`absorbed` gives, U′₀ first.

    Args:
        crystal: seen along its zone axis; gives cell, symmetry and the structure factors to begin with.
        g_max: cut-off of the beams in 1/Å.
        energy_kv: of the beam.
        absorption, absorption_ratio: see :func:`lacbed_gan.bright_field`.
        dtype: ``torch.float32``, whose derivatives are within 1e-3, or ``torch.float64``.

    Raises:
        CalculationError: see :func:`lacbed_gan.bright_field`.
    """

    crystal: Crystal
    g_max: float = G_MAX
    energy_kv: float = 200.0
    absorption: str = "none"
    absorption_ratio: float = ABSORPTION_RATIO
    dtype: torch.dtype = torch.float32

    def __post_init__(self) -> None:
        if self.dtype not in (torch.float32, torch.float64):
            raise CalculationError(f"dtype {self.dtype} is not one of torch.float32, torch.float64")
        if not (math.isfinite(self.g_max) and self.g_max > 0 and math.isfinite(self.energy_kv) and self.energy_kv > 0):
            raise CalculationError(f"g_max {self.g_max} and energy_kv {self.energy_kv} must be positive")
        self._absorbing.check(self.crystal)

    @property
    def _absorbing(self) -> Absorption:
        return Absorption(self.absorption, self.absorption_ratio)

    @cached_property
    def projection(self) -> Projection:
        """The crystal along its zone axis."""
        return Projection(self.crystal)

    @cached_property
    def beams(self) -> Beams:
        """Those within the cut-off."""
        return select_beams(self.projection, self.g_max, self.energy_kv)

    @cached_property
    def blocks(self) -> Blocks:
        """The beams in blocks that symmetry leaves."""
        return Blocks(self.beams)

    @cached_property
    def independent(self) -> IndependentCoefficients:
        """What the (M,) numbers are; `independent.hk` are their Miller indices h b₁ + k b₂."""
        axis = self.projection.two_fold_axis or (0.0, 0.0)
        operations = [operation.about(axis) for operation in self.projection.operations]
        return IndependentCoefficients.of(self.beams, operations)

    @cached_property
    def sites(self) -> Tensor:
        """(n,) int64 the site, 0 … Z − 1, of each atom of the crystal; equal atoms share one."""
        return site_of_atoms(self.crystal)

    @cached_property
    def _factors(self) -> SiteFactors:
        """Of 000 and the independent coefficients, with the origin and the phase of the latter."""
        hk = torch.cat([torch.zeros(1, 2, dtype=torch.int64), self.independent.hk])
        axis = torch.tensor(self.projection.two_fold_axis or (0.0, 0.0), dtype=torch.float64)
        shift = 2 * math.pi * (hk.double() @ axis)
        turn = torch.polar(torch.ones_like(shift), shift)
        turn[1:] *= self.independent.factor.conj()
        return SiteFactors.of(self.crystal, hk @ torch.tensor(self.projection.basis), turn, self.energy_kv)

    def of_sites(self, b_iso: Tensor | None = None, occupancy: Tensor | None = None) -> Tensor:
        """(M,) float64 structure factors in 1/Å² of the crystal, differentiable with respect to its sites' parameters.

        Args:
            b_iso: (Z,) B of each site in Å²; that of the crystal unless given. An anisotropic displacement adds to it.
            occupancy: (Z,) of each site; that of the crystal unless given.
        """
        return self._factors.elastic(b_iso, occupancy)[1:]

    def absorbed(self, b_iso: Tensor | None = None, occupancy: Tensor | None = None) -> Tensor:
        """(1 + M,) float64 imaginary part of the structure factors in 1/Å², the mean U′₀ first, as :meth:`of_sites`.

        Of ``tds`` only first derivatives are there, and each other B takes some tenths of a second.

        Raises:
            CalculationError: there is no absorption, or a B for which ``tds`` has no meaning.
        """
        if not self._absorbing:
            raise CalculationError("absorption='none' has no imaginary part of the potential")
        if self.absorption == "proportional":
            return self.absorption_ratio * self._factors.elastic(b_iso, occupancy)
        return self._factors.absorptive(b_iso, occupancy)

    def of_potential(self, rho: Tensor) -> Tensor:
        """(M,) float64 structure factors in 1/Å² of a projected potential, differentiable.

        Args:
            rho: (n, n) in 1/Å², sampled at r = i/n as by ``projected_potential(crystal)``, whose n has to be above
                twice the largest index. What is not of the crystal's symmetry has no effect.
        """
        rows, columns = self.independent.shape
        if rho.ndim != 2 or min(rho.shape) < max(rows, columns):
            raise CalculationError(f"ρ needs {max(rows, columns)} pixels or more along both edges for this g_max")
        axis = self.projection.two_fold_axis or (0.0, 0.0)
        waves = []
        for n, pixels, place in zip((rows, columns), (rho.shape[1], rho.shape[0]), axis, strict=True):
            index = torch.arange(-(n // 2), n // 2 + 1, dtype=torch.float64)
            angle = 2 * math.pi * index[:, None] * (place - torch.arange(pixels, dtype=torch.float64) / pixels)
            waves.append(torch.polar(torch.ones_like(angle), angle) / pixels)
        u = waves[0] @ rho.double().T.to(torch.complex128) @ waves[1].T
        return self.independent.numbers(u if self.beams.potential.is_complex() else u.real)

    def _coupling(self, u: Tensor) -> Tensor:
        """(…, S, R, R) U, or U + iU′, in blocks, of u (…, M) or (…, 2M + 1); linear in the latter."""
        count = len(self.independent)
        coupling = self.blocks.coupling(self.independent.potential(u[..., :count]))
        if u.shape[-1] == count:
            return coupling
        absorbed = self.blocks.coupling(self.independent.potential(u[..., count + 1 :]))
        mean = u[..., count, None, None, None] * torch.eye(coupling.shape[-1], dtype=torch.float64)
        return coupling + 1j * (absorbed + mean)

    def _with_absorption(self, u: Tensor) -> Tensor:
        """(2M + 1,) U and U′ of what is given, where there is absorption."""
        if not self._absorbing or len(u) != len(self.independent):
            return u
        if self.absorption == "proportional":
            return torch.cat([u, self._of_crystal[:1], self.absorption_ratio * u])
        return torch.cat([u, self._of_crystal])

    @cached_property
    def _of_crystal(self) -> Tensor:
        return self.absorbed()

    def directions(self, pixels: IndependentPixels, window: Window) -> Tensor:
        """(P, 2) float64 k in 1/Å at pixels of a window."""
        return torch.from_numpy(window.directions(self.projection.net, pixels.rows, pixels.columns))

    def intensity(
        self,
        u: Tensor,
        k: Tensor,
        thickness: Tensor | Sequence[float],
        hkl: Sequence[Sequence[int]] | None = None,
    ) -> Tensor:
        """I_g(t) = |[exp(2πi t (√(k₀² + A) − k₀))]_g0|², A_gg = −(2 k·g + |g|²), A_gh = U_{g−h}, k₀² = K² − |k|².

        Args:
            u: (M,) real, independent structure factors in 1/Å².
            k: (P, 2) in 1/Å, (x, y) in-plane components of the incoming beams.
            thickness: (T,) in nm.
            hkl: Miller indices of G beams, as of :func:`lacbed_gan.dark_field`; 0, 0, 0 is the direct beam, which alone
                takes half as long.

        Returns:
            (T, P) of the direct beam, (G, T, P) of a list; in [0, 1], differentiable with respect to u, k and t.

        Raises:
            CalculationError: numbers that are not finite, or a reflection that is none of the beams.
        """
        u, k, depths = self._checked(u, k, thickness)
        values: Tensor = Intensity.apply(self._coupling(u), k, depths, self._setting(hkl))  # type: ignore[no-untyped-call]
        return values[0] if hkl is None else values

    def _setting(self, hkl: Sequence[Sequence[int]] | None) -> Setting:
        if hkl is None:
            return Setting(self.blocks, self.energy_kv, self.dtype, None, bool(self._absorbing))
        if not len(hkl):
            raise CalculationError("no reflection is given")
        found = self.beams.find([reflection(self.crystal, indices) for indices in hkl])
        for index, indices in zip(found.tolist(), hkl, strict=True):
            if index < 0:
                name = " ".join(map(str, indices))
                raise CalculationError(f"reflection {name} is forbidden or lies beyond g_max {self.g_max:g} 1/Å")
        return Setting(self.blocks, self.energy_kv, self.dtype, found, bool(self._absorbing))

    def bright_field(
        self,
        u: Tensor,
        thickness: Tensor | Sequence[float],
        size: int = 128,
        *,
        window: str = "reciprocal",
        half_width: float | None = None,
    ) -> Tensor:
        """(T, size, size) bright-field patterns, differentiable with respect to u and thickness.

        Arguments are those of :meth:`intensity` and of :func:`lacbed_gan.bright_field`. Of pixels that symmetry makes
        equal one is computed.
        """
        directions = Window.of(size, half_width, window, self.energy_kv)
        pixels = IndependentPixels.of_window(directions, self.projection.point_group, self.projection.net)
        return pixels.complete(self.intensity(u, self.directions(pixels, directions), thickness))

    def jacobian(
        self,
        u: Tensor | Callable[[Tensor], Tensor],
        k: Tensor,
        thickness: Tensor | Sequence[float],
        parameters: Tensor | None = None,
        hkl: Sequence[Sequence[int]] | None = None,
    ) -> Jacobian:
        """Intensities and all of their derivatives; their number hardly matters, that of thicknesses and beams does.

        Args:
            u: (M,) structure factors in 1/Å², or a function that makes them of `parameters`.
            k: (P, 2) in 1/Å.
            thickness: (T,) in nm.
            parameters: (J,) numbers that the structure factors are a function of; these themselves unless given.
            hkl: of beams, as of :meth:`intensity`.

        Returns:
            Intensities as of :meth:`intensity`, and their derivatives by the parameters, the thickness in nm and k.
        """
        if callable(u) == (parameters is None):
            raise CalculationError("parameters are those of a function that makes structure factors, and go with one")
        start = (u if isinstance(u, Tensor) else cast(Tensor, parameters)).detach()

        def numbers(p: Tensor) -> Tensor:
            return self._with_absorption(u(p) if callable(u) else p).double()

        if callable(u) or self._absorbing:
            tangents = torch.autograd.functional.jacobian(numbers, start).T.double()  # (J, M) or (J, 2M + 1)
        else:
            tangents = torch.eye(len(start), dtype=torch.float64)
        values, k, depths = self._checked(numbers(start), k.detach(), thickness)
        coupling, changes = self._coupling(values), self._coupling(tangents)
        found = jacobian(self._setting(hkl), coupling, changes, k, depths.detach())
        if hkl is not None:
            return found
        return Jacobian(found.intensity[0], found.parameters[0], found.thickness[0], found.direction[0])

    def _checked(self, u: Tensor, k: Tensor, thickness: Tensor | Sequence[float]) -> tuple[Tensor, Tensor, Tensor]:
        """u and k in double precision, and depths in Å."""
        depths = 10 * torch.as_tensor(thickness, dtype=torch.float64)
        count = len(self.independent)
        if tuple(u.shape) not in ((count,), (2 * count + 1,) if self._absorbing else ()):
            raise CalculationError(f"{tuple(u.shape)} structure factors are not the {count} independent ones")
        if not torch.isfinite(u).all():
            raise CalculationError("structure factors are not finite")
        check_beam(k, depths, self.energy_kv)
        return self._with_absorption(u.double()), k.double(), depths
