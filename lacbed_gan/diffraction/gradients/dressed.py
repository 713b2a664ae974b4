"""Bright-field intensities of few beams, dressed with weak ones, as a function of the structure factors of a symmetry.

No crystal is needed: a square net, the lattice of its reflections and the operations of ρ are enough.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

from lacbed_gan.crystal.plane_symmetry import PlaneOperation
from lacbed_gan.diffraction.beams import Beams
from lacbed_gan.diffraction.dressing import RESONANCE
from lacbed_gan.diffraction.few_beams import COARSE, REACH
from lacbed_gan.diffraction.gradients.blocks import Blocks
from lacbed_gan.diffraction.gradients.coefficients import IndependentCoefficients
from lacbed_gan.diffraction.gradients.function import Intensity
from lacbed_gan.diffraction.gradients.jacobian import jacobian
from lacbed_gan.diffraction.gradients.setting import Setting
from lacbed_gan.diffraction.net import Net
from lacbed_gan.diffraction.sublattice import Sublattice
from lacbed_gan.diffraction.window import Window


@dataclass(frozen=True, eq=False)
class DressedScattering:
    """I(t) of the direct beam as a function of (M,) independent structure factors, the origin on a two-fold axis.

    The coupling of the beams up to g_max is U_gh + Σ_q U_gq U_qh ⟨1/d_q⟩, q beyond them up to `REACH`, as in
    :mod:`lacbed_gan.diffraction.dressing`; its derivatives are exact.

    Args:
        net: square.
        lattice: of the reflections.
        operations: of ρ about the two-fold axis.
        line: that line of reflection among them which is normal to x.
        window: of the patterns.
        g_max: cut-off of the beams in 1/Å.
        fewest: at least so many beams.
        u_max: cut-off of the structure factors in 1/Å; the others are 0.
        energy_kv: of the beam.
    """

    net: Net
    lattice: Sublattice
    operations: Sequence[PlaneOperation]
    line: PlaneOperation
    window: Window
    g_max: float
    fewest: int = 0
    u_max: float = 4.25
    energy_kv: float = 200.0

    @cached_property
    def _more(self) -> Beams:
        h, k = self.net.reach(REACH)
        return Beams.within(REACH, torch.zeros(4 * h + 1, 4 * k + 1).double(), self.net, self.lattice, self.line)

    @cached_property
    def beams(self) -> Beams:
        """Those that are not only dressed with; whole shells."""
        lengths = self._more.g.norm(dim=1)
        g_max = max(self.g_max, float(lengths[: self.fewest].max()) if self.fewest else 0.0)
        return Beams.within(min(g_max, REACH) * (1 + 1e-9), self._more.potential, self.net, self.lattice, self.line)

    @cached_property
    def independent(self) -> IndependentCoefficients:
        """What the (M,) numbers are."""
        within = Beams.within(
            min(self.u_max / 2, REACH), self._more.potential, self.net, self.lattice, self.line
        )  # whose differences end at the cut-off
        beams = Beams(within.hk, self._more.potential, self.net, self.lattice, self.line)
        return IndependentCoefficients.of(beams, self.operations)

    @cached_property
    def orders(self) -> NDArray[np.float64]:
        """(M,) |g| in 1/Å of the independent structure factors."""
        return np.sqrt(self.net.squared_length(self.independent.hk.numpy()))

    def numbers(self, values: Tensor) -> Tensor:
        """(M,) the independent structure factors of coefficients (2m + 1, 2m + 1) in 1/Å², m as large as it may be."""
        return self.independent.numbers(Beams.within(REACH, values, self.net, self.lattice, self.line).potential)

    @property
    def elements(self) -> int:
        """How many the matrices of the beams have, S · R · R."""
        blocks = self._setting.blocks
        return int(2**blocks.flips * len(blocks.g) ** 2)

    @cached_property
    def _setting(self) -> Setting:
        return Setting(Blocks(self.beams), self.energy_kv, torch.float32)

    @cached_property
    def _all(self) -> Blocks:
        return Blocks(self._more)

    @cached_property
    def _inverse(self) -> Tensor:
        """⟨1/d_q⟩ in Å² of the beams beyond, one of each set that symmetry makes equal."""
        coarse = Window(COARSE, self.window.half_width, self.window.unit)
        rows, columns = np.indices((COARSE, COARSE)).reshape(2, -1)
        k = torch.from_numpy(coarse.directions(self.net, rows, columns))
        q = torch.from_numpy(self.net.cartesian(self._all.hk[len(self._setting.blocks.g) :]))
        away = q.square().sum(1)[:, None] + 2 * q @ k.T
        return (away / (away.square() + RESONANCE**2)).mean(1)

    def _parts(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """U in blocks, (…, S, R, R) among the beams and (…, S, R, Q) from them to those beyond."""
        r = len(self._setting.blocks.g)
        coupling = self._all.coupling(self.independent.potential(u), r)
        return coupling[..., :r], coupling[..., r:]

    def intensity(self, u: Tensor, k: Tensor, thickness: Sequence[float]) -> Tensor:
        """(T, P) in [0, 1], of u (M,) in 1/Å², k (P, 2) in 1/Å and thickness in nm.

        Raises:
            CalculationError: the structure factors are not finite, or too strong.
        """
        return self.intensities(u, k, thickness)(1.0)

    def intensities(self, u: Tensor, k: Tensor, thickness: Sequence[float]) -> Callable[[float], Tensor]:
        """Those of structure factors times a factor; most of what does not depend on it is done once."""
        inside, beyond = self._parts(u.double())
        dressing = (beyond * self._inverse) @ beyond.mT
        depths = 10 * torch.tensor(thickness, dtype=torch.float64)

        def of_factor(factor: float) -> Tensor:
            coupling = factor * inside + factor**2 * dressing
            return Intensity.apply(coupling, k.double(), depths, self._setting)[0]  # type: ignore[no-untyped-call]

        return of_factor

    def jacobian(self, u: Tensor, k: Tensor, thickness: Sequence[float]) -> Tensor:
        """(T, P, M) derivatives of the intensities by the structure factors."""
        inside, beyond = self._parts(u.double())
        weighed = beyond * self._inverse
        depths = 10 * torch.tensor(thickness, dtype=torch.float64)

        def back(matrices: Tensor) -> Tensor:
            # Σ G dC of C = inside + B D Bᵀ is Σ G d inside + Σ (G + Gᵀ) B D · dB
            outside = (matrices + matrices.mT) @ weighed.to(matrices)
            each = torch.cat([matrices, outside], -1).flatten(2)
            found = self._linear @ each.flatten(0, 1).numpy().T
            return torch.from_numpy(found.T.copy()).unflatten(0, each.shape[:2])

        return jacobian(self._setting, inside + weighed @ beyond.mT, back, k.double(), depths).parameters[0]

    @cached_property
    def _linear(self) -> csr_array:
        """(M, S · R · (R + Q)) derivatives of the coupling's parts by the structure factors."""
        blocks, r = self._all, len(self._setting.blocks.g)
        places, weights = blocks.weights(r)
        elements = places[0].numel() * len(weights)
        column = torch.arange(elements).view(len(weights), 1, *places.shape[1:]).expand(weights.shape)
        of_potential = csr_array(
            (weights.flatten(), (places.expand(weights.shape).flatten(), column.flatten())),
            (math.prod(self.independent.shape), elements),
        )
        one = self.independent
        sites = one.sites.expand(one.places.shape)
        of_numbers = csr_array(
            (one.weights.flatten(), (one.places.flatten(), sites.flatten())), (len(one), math.prod(one.shape))
        )
        return (of_numbers @ of_potential).astype(np.float32)
