"""Images that structure factors are fitted to, and how they and the thickness agree with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

from lacbed_gan.diffraction.gradients.scattering import Scattering

Array = NDArray[np.float64]
NEIGHBOURS = 8  # directions next to each


@dataclass(frozen=True)
class Images:
    """What is fitted.

    Attributes:
        hkl: of G reflections.
        k: (P, 2) directions in 1/Å.
        measured: (G, P) on any scale.
        sigma: (G, P) standard deviations of their noise.
    """

    hkl: Sequence[Sequence[int]]
    k: Tensor
    measured: Array
    sigma: Array

    def some(self, count: int) -> Images:
        """At so many of the directions, drawn at random."""
        if count >= len(self.k):
            return self
        chosen = np.sort(np.random.default_rng(0).choice(len(self.k), count, replace=False))
        return Images(self.hkl, self.k[chosen], self.measured[:, chosen], self.sigma[:, chosen])


@dataclass(frozen=True)
class State:
    """Where a fit is: structure factors, thickness in nm, and what images it gives."""

    u: Tensor
    thickness: float
    intensity: Array
    lines: list[tuple[Array, float]]  # of each image the columns of scale and background over noise, and the scale
    residuals: Array

    @property
    def chi2(self) -> float:
        return float((self.residuals**2).mean())

    def expected(self, images: Images) -> Array:
        """(G, P) on the scale of the measured ones, to which these residuals belong."""
        return images.measured + self.residuals.reshape(images.measured.shape) * images.sigma


def state_of(scattering: Scattering, u: Tensor, thickness: float, images: Images) -> State:
    """Structure factors and a thickness in nm, with scale and background of each image by least squares."""
    intensity = scattering.intensity(u, images.k, [thickness], images.hkl)[:, 0].numpy().astype(np.float64)
    lines, residuals = [], []
    for one, measured, sigma in zip(intensity, images.measured, images.sigma, strict=True):
        columns = np.stack([one, np.ones_like(one)], 1) / sigma[:, None]
        numbers = np.linalg.lstsq(columns, measured / sigma, rcond=None)[0]
        lines.append((columns, float(numbers[0])))
        residuals.append(columns @ numbers - measured / sigma)
    return State(u, thickness, intensity, lines, np.concatenate(residuals))


def design_of(
    state: State, scattering: Scattering, images: Images, free: NDArray[np.int64], scale: Array
) -> tuple[Array, Array]:
    """(N, F + 1) derivatives of the residuals by free U, in units of `scale`, and thickness, and the residuals.

    What scale and background can make up for is projected out (Kaufman's form of variable projection).
    """
    found = scattering.jacobian(state.u, images.k, [state.thickness], hkl=images.hkl)
    rows = []
    for g, (columns, factor) in enumerate(state.lines):
        by_u = found.parameters[g, 0].numpy().astype(np.float64)[:, free] * scale[free]
        change = np.concatenate([by_u, found.thickness[g, 0].numpy().astype(np.float64)[:, None]], 1)
        change *= factor / images.sigma[g][:, None]
        basis, _ = np.linalg.qr(columns)
        rows.append(change - basis @ (basis.T @ change))
    return np.concatenate(rows), state.residuals


def likeness(state: State, images: Images) -> float:
    """By how many standard deviations of noise the residuals of neighbouring directions are of one sign.

    Noise differs from direction to direction, and what a wrong structure factor leaves hardly does; how strong noise is
    need not be known.
    """
    near = cKDTree(images.k.numpy()).query(images.k.numpy(), min(NEIGHBOURS + 1, len(images.k)))[1][:, 1:]
    residuals = state.residuals.reshape(len(images.hkl), -1)
    products = residuals * residuals[:, near].mean(-1)
    return float(products.sum() / np.sqrt(2 * (products**2).sum()))  # each pair counts about twice


def orders(scattering: Scattering) -> Array:
    """(M,) |g| in 1/Å of the independent structure factors."""
    net = scattering.projection.net
    return np.sqrt(net.squared_length(scattering.independent.hk.numpy()))
