"""Where a fit of structure factors begins: a start times a factor and a fall-off, the most that a network is off by."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter
from torch import Tensor

from lacbed_gan.diffraction.gradients.scattering import Scattering
from lacbed_gan.predict.refinement.factor_images import Images, State, design_of, orders, state_of

Array = NDArray[np.float64]
COMMON = (0.4, 1.0)  # standard deviations of the logarithm of a factor on all U, and of B in Å² that is taken off
# Of a grid of both, and of nm from the thickness that is told
GRID = (np.linspace(-0.8, 0.8, 17), np.linspace(-1.2, 1.2, 9), np.linspace(-3, 3, 7))
FEWEST = 40  # directions of the grid
STARTS = 4  # of its lowest places
STEPS, ENOUGH, DAMPING = 6, 1e-3, 1e-2  # of Levenberg and Marquardt: steps, relative gain at which they end, at first


def places(scattering: Scattering, start: Tensor, thickness: float, images: Images) -> list[tuple[Array, float]]:
    """Logarithm of the factor with B, and thickness in nm, at the lowest minima on the grid, the lowest first."""
    fall = torch.from_numpy(orders(scattering) ** 2 / 4)
    nm = [t for t in thickness + GRID[2] if t > 0]
    weight = images.sigma**-2 / (images.sigma**-2).sum(1, keepdims=True)

    def centred(x: Array) -> Array:
        return x - (weight[:, None] * x).sum(-1, keepdims=True)

    def mean(x: Array) -> Array:
        return (weight[:, None] * x).sum(-1)

    measured, numbers = centred(images.measured[:, None]), (images.sigma**-2).sum(1)
    cost = np.empty((len(GRID[0]), len(GRID[1]), len(nm)))
    for i, j in np.ndindex(cost.shape[:2]):
        u = start * torch.exp(GRID[0][i] + GRID[1][j] * fall)
        one = centred(scattering.intensity(u, images.k, nm, images.hkl).double().numpy())
        left = mean(measured**2) - mean(one * measured) ** 2 / np.maximum(mean(one**2), 1e-30)
        cost[i, j] = numbers @ left + (GRID[0][i] / COMMON[0]) ** 2 + (GRID[1][j] / COMMON[1]) ** 2
    lowest = np.argwhere(cost == minimum_filter(cost, 3, mode="nearest"))
    lowest = lowest[np.argsort(cost[tuple(lowest.T)])][:STARTS]
    return [(np.array([GRID[0][i], GRID[1][j]]), nm[t]) for i, j, t in lowest]


def common_of(scattering: Scattering, start: Tensor, thickness: float, images: Images, values: Array) -> Tensor:
    """The start times c exp(b |g|²/4), with log c and b of least squares from some at a thickness in nm that stays."""
    fall = torch.from_numpy(orders(scattering) ** 2 / 4)
    every, deviation = np.arange(len(start)), np.array(COMMON)

    def changed(values: Array) -> Tensor:
        return start * torch.exp(values[0] + values[1] * fall)

    def cost(one: State, values: Array) -> float:
        return float((one.residuals**2).sum() + ((values / deviation) ** 2).sum())

    damping, state = DAMPING, state_of(scattering, changed(values), thickness, images)
    for _ in range(STEPS):
        design, residuals = design_of(state, scattering, images, every, np.ones(len(start)))
        both = design[:, :-1] @ np.stack([state.u.numpy(), (state.u * fall).numpy()], 1)
        hessian, gradient = both.T @ both + np.diag(deviation**-2), both.T @ residuals + values / deviation**2
        before, following = cost(state, values), None
        for _ in range(4):
            trial = values - np.linalg.solve(hessian + damping * np.diag(np.diag(hessian)), gradient)
            trial = np.clip(trial, -2 * deviation, 2 * deviation)
            moved = state_of(scattering, changed(trial), thickness, images)
            if cost(moved, trial) < before:
                following, damping = moved, max(damping / 5, 1e-6)
                break
            damping *= 8
        if following is None:
            break
        state, values = following, trial
        if before - cost(state, values) < ENOUGH * before:
            break
    return changed(values)
