"""ρ as a sum of atoms: few numbers, positive, and with the fall-off of structure factors that atoms have."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import nnls
from torch import Tensor

from lacbed_gan.crystal.form_factors import electron_form_factor
from lacbed_gan.diffraction.gradients.dressed import DressedScattering
from lacbed_gan.diffraction.net import grid
from lacbed_gan.predict.pattern_fit.symmetry import Candidate, PlaneSymmetry

Array = NDArray[np.float64]
ELEMENT = "Fe"  # whose form factor all atoms have, times a Gaussian
BLURS = (0.5, 1.5, 3.0)  # B in Å² of atoms in an image of ρ that a network is more or less sure of
USUAL = 0.7  # B in Å² of atoms in a crystal
MOST, LEFT, GAIN = 9, 0.01, 0.004  # atoms, share of ρ's power that may be left, and least one that an atom explains
LEAST = 0.03  # weight of an atom over that of the heaviest
REACH = 3.0  # 1/Å, up to which ρ is explained
SAME = 0.5  # Å, to an image by symmetry below which an atom lies on the symmetry element
GRID = 128
# Standard deviations: logarithm of a factor on all, B of all and of each in Å², place in Å; weight over its own and
# over the largest
SCALE, B_ALL, B_EACH, PLACE, OWN, OF_LARGEST = 0.4, 0.3, 0.25, 0.12, 0.4, 0.1


def _shape(q: Array) -> Array:
    """Form factor over that at 0, of |g| in 1/Å."""
    return electron_form_factor(ELEMENT, q) / electron_form_factor(ELEMENT, np.zeros(1))[0]


def _waves(hk: NDArray[np.int64], places: Tensor, symmetry: PlaneSymmetry) -> Tensor:
    """(J, M) mean over operations of cos 2π h · (W r + w), of places r (J, 2)."""
    total = torch.zeros(len(places), len(hk), dtype=torch.float64)
    for operation in symmetry.operations:
        images = torch.from_numpy(operation.images(hk)).double()
        turn = torch.from_numpy(hk @ np.asarray(operation.translation))
        total = total + torch.cos(2 * np.pi * (places @ images.T + turn))
    return total / len(symmetry.operations)


def _on_element(place: Array, symmetry: PlaneSymmetry, a: float) -> Array:
    """The place moved to the symmetry element that it nearly lies on."""
    basis = np.asarray(symmetry.lattice.basis)
    for _ in range(4):
        images = np.array([np.asarray(o.matrix) @ place + o.translation for o in symmetry.operations]) - place
        images -= np.rint(images @ basis.T) @ np.linalg.inv(basis).T
        place = place + images[np.linalg.norm(images, axis=1) * a < SAME].mean(0)
    return place


def atoms_of(candidate: Candidate, a: float) -> tuple[Array, Array]:
    """Places (J, 2) in the cell and weights (J,) of the atoms that explain an image of ρ, by matching pursuit.

    Args:
        a: cell edge in Å.
    """
    values, symmetry = candidate.values, candidate.symmetry
    hk = grid(len(values) // 2, len(values) // 2).reshape(-1, 2)
    keep = symmetry.lattice.contains(hk) & hk.any(1) & ((hk**2).sum(1) <= (REACH * a) ** 2)
    keep &= (np.abs(hk) < GRID // 2).all(1)
    hk, wanted = hk[keep], values.reshape(-1)[keep]
    q, power = np.sqrt((hk**2).sum(1)) / a, float((wanted**2).sum())
    best: tuple[float, Array, Array] | None = None
    for b in BLURS:
        shape = _shape(q) * np.exp(-b * q**2 / 4)
        places: list[Array] = []
        rest, before, weights = wanted, 1.0, np.zeros(0)
        while len(places) < MOST:
            transform = np.zeros((GRID, GRID))
            transform[hk[:, 1], hk[:, 0]] = rest * shape
            y, x = np.unravel_index(np.fft.fft2(transform).real.argmax(), transform.shape)
            places.append(_on_element(np.array([x / GRID, y / GRID]), symmetry, a))
            waves = _waves(hk, torch.tensor(np.array(places)), symmetry).numpy() * shape
            weights = nnls(waves.T, wanted)[0]
            rest = wanted - weights @ waves
            left = float((rest**2).sum()) / power
            if left < LEFT or before - left < GAIN:
                break
            before = left
        if best is None or left < best[0] - GAIN:
            kept = weights > LEAST * weights.max()
            best = left, np.array(places)[kept], weights[kept]
    assert best is not None
    return best[1], best[2]


@dataclass(frozen=True, eq=False)
class AtomModel:
    """Structure factors of J atoms: w_j f(|g|) exp(−(B + B_j)|g|²/4), each with its images.

    Parameters are changes: of the logarithm of all, of B, and of weights (J), places (2 J) and B_j (J).

    Args:
        scattering: whose structure factors they are.
        places: (J, 2) in the cell.
        weights: (J,) in 1/Å².
    """

    scattering: DressedScattering
    symmetry: PlaneSymmetry
    places: Array
    weights: Array

    def __len__(self) -> int:
        return 2 + 4 * len(self.weights)

    @cached_property
    def deviations(self) -> Array:
        """Standard deviations of the parameters, before the pattern."""
        w, a = self.weights, self.scattering.net.edges[0]
        places, each = np.full(2 * len(w), PLACE / a), np.full(len(w), B_EACH)
        return np.concatenate([[SCALE, B_ALL], OWN * w + OF_LARGEST * w.max(), places, each])

    def factors(self, parameters: Tensor) -> Tensor:
        """(M,) in 1/Å²; weights below zero are zero."""
        count, hk, q = len(self.weights), self.scattering.independent.hk.numpy(), self.scattering.orders
        scale, b_all = parameters[:2]
        changes, moves, b = parameters[2:].split((count, 2 * count, count))
        weights = (torch.from_numpy(self.weights) + changes).clamp_min(0)
        fall = torch.exp(-(USUAL + b_all + b[:, None]) * torch.from_numpy(q**2 / 4))
        waves = _waves(hk, torch.from_numpy(self.places) + moves.view(count, 2), self.symmetry)
        total = weights @ (waves * torch.from_numpy(_shape(q)) * fall)
        # A set of equal reflections has one real number, of the representative that has no phase
        return torch.exp(scale) * total * self.scattering.independent.factor

    def changes(self, parameters: Tensor) -> Tensor:
        """(2 + 4 J, M) derivatives."""
        return torch.autograd.functional.jacobian(self.factors, parameters).T  # type: ignore[no-any-return]
