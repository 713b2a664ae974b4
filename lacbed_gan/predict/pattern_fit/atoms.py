"""ρ as a sum of atoms: few numbers, positive, and with the fall-off of structure factors that atoms have."""

from __future__ import annotations

from dataclasses import dataclass, replace

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
SHELL = 0.25  # 1/Å, over which the usual size of structure factors is a mean
# Standard deviations: logarithm of a factor on all, B of all and of each in Å², place in Å; weight over its own and
# over the largest
SCALE, B_ALL, B_EACH, PLACE, OWN, OF_LARGEST = 0.4, 0.3, 0.25, 0.12, 0.4, 0.1


def _shape(q: Array) -> Array:
    """Form factor over that at 0, of |g| in 1/Å."""
    return electron_form_factor(ELEMENT, q) / electron_form_factor(ELEMENT, np.zeros(1))[0]


def _waves(hk: NDArray[np.int64], places: Tensor, symmetry: PlaneSymmetry) -> tuple[Tensor, Tensor]:
    """(J, M) mean over operations of cos 2π h · (W r + w), of places r (J, 2), and derivatives (J, 2, M) by r."""
    total = torch.zeros(len(places), len(hk), dtype=torch.float64)
    slopes = torch.zeros(len(places), 2, len(hk), dtype=torch.float64)
    for operation in symmetry.operations:
        images = torch.from_numpy(operation.images(hk)).double()
        turn = torch.from_numpy(hk @ np.asarray(operation.translation))
        angle = 2 * np.pi * (places @ images.T + turn)
        total += torch.cos(angle)
        slopes -= 2 * np.pi * torch.sin(angle)[:, None] * images.T
    return total / len(symmetry.operations), slopes / len(symmetry.operations)


def on_element(place: Array, symmetry: PlaneSymmetry, a: float) -> Array:
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
            places.append(on_element(np.array([x / GRID, y / GRID]), symmetry, a))
            waves = _waves(hk, torch.tensor(np.array(places)), symmetry)[0].numpy() * shape
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
    """Structure factors w_j f(|g|) exp(−(B + B_j)|g|²/4) of J atoms, each with its images, and what is left of them.

    Parameters are changes: of the logarithm of all, of B, of weights (J), places (2 J) and B_j (J), and (M) of what is
    left.

    Args:
        scattering: whose structure factors they are.
        places: (J, 2) in the cell.
        weights: (J,) in 1/Å².
        left: (M,) structure factors that the atoms lack, in 1/Å².
    """

    scattering: DressedScattering
    symmetry: PlaneSymmetry
    places: Array
    weights: Array
    left: Array

    @classmethod
    def of(cls, scattering: DressedScattering, candidate: Candidate, keep: bool) -> AtomModel:
        """That of an image of ρ in 1/Å², with what atoms do not explain of it or without."""
        places, weights = atoms_of(candidate, scattering.net.edges[0])
        numbers = scattering.numbers(torch.from_numpy(candidate.values)).numpy()
        model = cls(scattering, candidate.symmetry, places, weights, np.zeros_like(numbers))
        if not keep:
            return model
        return replace(model, left=numbers - model.factors(torch.zeros(len(model), dtype=torch.float64)).numpy())

    def at(self, scattering: DressedScattering) -> AtomModel:
        """The same of another calculation."""
        left = self.scattering.independent.potential(torch.from_numpy(self.left))
        return replace(self, scattering=scattering, left=scattering.independent.numbers(left).numpy())

    def __len__(self) -> int:
        return self.few + len(self.left)

    @property
    def few(self) -> int:
        """Number of the parameters of atoms, which are the first."""
        return 2 + 4 * len(self.weights)

    def deviations(self, left: float) -> Array:
        """Standard deviations of the parameters, before the pattern.

        Args:
            left: that of what is left, over the usual size of structure factors of that |g|.
        """
        w, a, q = self.weights, self.scattering.net.edges[0], self.scattering.orders
        places, each = np.full(2 * len(w), PLACE / a), np.full(len(w), B_EACH)
        numbers = self.factors(torch.zeros(len(self), dtype=torch.float64)).numpy()
        near = np.exp(-(((q[:, None] - q) / SHELL) ** 2) / 2)
        usual = np.sqrt(near @ numbers**2 / near.sum(1)) + 1e-6
        return np.concatenate([[SCALE, B_ALL], OWN * w + OF_LARGEST * w.max(), places, each, left * usual])

    def factors(self, parameters: Tensor) -> Tensor:
        """(M,) in 1/Å²; weights below zero are zero."""
        weights, heights, _, factor = self._parts(parameters[: self.few])
        left = torch.exp(parameters[0]) * torch.from_numpy(self.left)
        return factor * (weights @ heights) + left + parameters[self.few :]

    def changes(self, parameters: Tensor) -> Tensor:
        """(2 + 4 J + M, M) derivatives."""
        weights, heights, slopes, factor = self._parts(parameters[: self.few])
        each = weights[:, None] * heights
        falls = -torch.from_numpy(self.scattering.orders**2 / 4)
        moves = (weights[:, None, None] * slopes).flatten(0, 1)
        of_all = torch.stack([each.sum(0), falls * each.sum(0)])
        found = factor * torch.cat([of_all, (weights > 0)[:, None] * heights, moves, falls * each])
        found[0] += torch.exp(parameters[0]) * torch.from_numpy(self.left)
        return torch.cat([found, torch.eye(len(self.left), dtype=torch.float64)])

    def _parts(self, parameters: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Weights (J,), structure factors of unit weight (J, M), their slopes (J, 2, M), and a factor (M,) on all."""
        count, hk, q = len(self.weights), self.scattering.independent.hk.numpy(), self.scattering.orders
        scale, b_all = parameters[:2]
        changes, moves, b = parameters[2:].split((count, 2 * count, count))
        weights = (torch.from_numpy(self.weights) + changes).clamp_min(0)
        fall = torch.exp(-(USUAL + b_all + b[:, None]) * torch.from_numpy(q**2 / 4)) * torch.from_numpy(_shape(q))
        waves, slopes = _waves(hk, torch.from_numpy(self.places) + moves.view(count, 2), self.symmetry)
        # A set of equal reflections has one real number, of the representative that has no phase
        return weights, waves * fall, slopes * fall[:, None], torch.exp(scale) * self.scattering.independent.factor
