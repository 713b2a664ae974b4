"""Steps of Levenberg and Marquardt through exact derivatives of a pattern, with a prior and noise that is not known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lacbed_gan.diffraction.errors import CalculationError
from lacbed_gan.diffraction.gradients.dressed import DressedScattering
from lacbed_gan.predict.pattern_fit.work import Work

Array = NDArray[np.float64]
INDEPENDENT = 40  # directions: what a calculation leaves out is alike at neighbouring ones
FLOOR = 0.003  # rms that rounding to 8 bit and few beams leave at least
FLATTEST = 0.3  # contrast of a min–max scaled pattern over that of the intensities, at least
STALE = 0.3  # share of a change, squared, that derivatives have to miss to be made again
DAMPING, TRIALS, ENOUGH = 1e-2, 5, 0.05  # at first; of a step; gain at which steps end


@dataclass(frozen=True)
class State:
    """Structure factors (M,) in 1/Å², residuals (T, P) after scale and offset, and the scales (T,)."""

    u: Tensor
    residuals: Array
    columns: Array
    scales: Array

    @property
    def rms(self) -> float:
        """Of min–max scaled intensities."""
        return float(np.sqrt((self.residuals**2).mean()))


@dataclass(frozen=True)
class PatternFit:
    """Structure factors against a pattern at some directions, up to a scale and an offset.

    Args:
        k: (P, 2) in 1/Å.
        measured: (T, P), min–max scaled.
        thickness: T values in nm.
        floor: rms that the calculation is off by.
        work: that is counted, and ends a search for a minimum.
    """

    scattering: DressedScattering
    k: Tensor
    measured: Array
    thickness: Sequence[float]
    floor: float = FLOOR
    work: Work = field(default_factory=Work)

    def state(self, u: Tensor) -> State:
        self.work.add_patterns(len(self.k), self.scattering.elements)
        intensity = self.scattering.intensity(u, self.k, self.thickness).numpy().astype(np.float64)
        residuals, columns, scales = [], [], []
        for one, measured in zip(intensity, self.measured, strict=True):
            both = np.stack([one, np.ones_like(one)], 1)
            scale, offset = np.linalg.lstsq(both, measured, rcond=None)[0]
            if scale < FLATTEST:
                scale, offset = FLATTEST, float((measured - FLATTEST * one).mean())
            residuals.append(scale * one + offset - measured)
            columns.append(both)
            scales.append(scale)
        return State(u, np.stack(residuals), np.stack(columns), np.array(scales))

    def agreement(self, u: Tensor, factors: Sequence[float] = (1.0,)) -> tuple[float, float]:
        """The highest correlation with the pattern, mean over thicknesses, of u times factors, and which one has it.

        Raises:
            CalculationError: all are too strong.
        """
        self.work.add_patterns(len(self.k), self.scattering.elements, len(factors))
        intensities = self.scattering.intensities(u, self.k, self.thickness)
        found = []
        for factor in factors:
            with suppress(CalculationError):
                pairs = zip(intensities(factor).numpy(), self.measured, strict=True)
                found.append((float(np.mean([np.corrcoef(one, other)[0, 1] for one, other in pairs])), factor))
        if not found:
            raise CalculationError("the potential is too strong")
        return max(found)

    def cost(self, state: State, z: Array) -> float:
        """−2 log of the posterior of parameters z standard deviations away, the noise integrated out."""
        return float(INDEPENDENT * np.log((state.residuals**2).mean() + self.floor**2) + (z**2).sum())

    def minimum(
        self,
        factors: Callable[[Tensor], Tensor],
        changes: Callable[[Tensor], Tensor],
        start: Array,
        deviations: Array,
        steps: int,
    ) -> tuple[Array, State]:
        """The parameters (J,) near a start with the least cost, and what they give.

        Args:
            factors: parameters → (M,) structure factors; changes: → (J, M) their derivatives.
            deviations: (J,) of the parameters about 0, before the pattern.
        """
        x, damping = start, DAMPING
        state = self.state(factors(torch.from_numpy(x)))
        design: Array | None = None
        for _ in range(steps):
            if state.rms < self.floor or self.work.beyond(1):
                break
            exact = design is None
            if design is None:
                design = self._design(state, changes(torch.from_numpy(x))) * deviations
            weight = INDEPENDENT / state.residuals.size / (state.rms**2 + self.floor**2)
            z = x / deviations
            hessian = weight * design.T @ design + np.eye(len(x))
            gradient = weight * design.T @ state.residuals.ravel() + z
            before, after = self.cost(state, z), None
            for _ in range(TRIALS if exact else 1):
                step = -np.linalg.solve(hessian + damping * np.diag(np.diag(hessian)), gradient)
                try:
                    trial = self.state(factors(torch.from_numpy(x + step * deviations)))
                except CalculationError:  # too strong a potential
                    damping *= 8
                    continue
                if (cost := self.cost(trial, z + step)) < before:
                    after, damping = cost, max(damping / 5, 1e-6)
                    break
                damping *= 8
            if after is None:
                if exact:
                    break
                design = None
                continue
            change = (trial.residuals - state.residuals).ravel()
            missed = change - design @ step
            x, state = x + step * deviations, trial
            if before - after < ENOUGH:
                break
            if missed @ missed > STALE * (change @ change):
                design = None
            else:  # Broyden's correction, which costs nothing where derivatives cost several calculations
                design = design + np.outer(missed, step) / (step @ step)
        return x, state

    def _design(self, state: State, changes: Tensor) -> Array:
        """(T · P, J) derivatives of the residuals, without what scale and offset make up for."""
        self.work.add_derivatives(len(self.k), self.scattering.elements)
        each = self.scattering.jacobian(state.u, self.k, self.thickness)
        found = (each @ changes.T.float()).numpy().astype(np.float64)
        rows = []
        for one, columns, scale in zip(found, state.columns, state.scales, strict=True):
            basis, _ = np.linalg.qr(columns)
            rows.append(scale * (one - basis @ (basis.T @ one)))
        return np.concatenate(rows)
