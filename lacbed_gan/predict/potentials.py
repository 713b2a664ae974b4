"""ρ from patterns: what a predictor does with a network of the inverse direction."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from lacbed_gan.data.conditions import thickness_number
from lacbed_gan.data.measuring import known
from lacbed_gan.images.calibration import ASSUMED, USER, Calibration, calibrate, other_energy
from lacbed_gan.images.measured import Measured
from lacbed_gan.models.weights import Trained
from lacbed_gan.predict.few_beam_check import agreement, agreement_warnings, is_sure
from lacbed_gan.predict.input_warnings import distance_warnings, pattern_warnings
from lacbed_gan.predict.measured_pattern import Candidate, read_pattern
from lacbed_gan.predict.pattern_fit.fit import fit_potential
from lacbed_gan.predict.pattern_fit.fitted_potential import fit_warning
from lacbed_gan.predict.physics_check import PhysicsCheck, check_potential
from lacbed_gan.predict.prediction import PotentialPrediction
from lacbed_gan.predict.trust import PredictionError, warned
from lacbed_gan.store.recipe import Recipe

CLEARLY = 0.7  # of a residual: below it another rotation is the right one


class PredictsPotentials:
    """See :class:`lacbed_gan.predict.predictor.Predictor`, whose attributes these are."""

    _trained: Trained
    thicknesses: tuple[float, ...]
    size: int
    recipe: Recipe
    needs_a: bool
    images: int
    measured: bool
    reflections: Sequence[Sequence[int]]
    of: Callable[..., Any]
    require_thickness: Callable[..., tuple[float, ...]]
    _require: Callable[[str], None]
    _conditions: Callable[..., Any]
    _distance: Callable[..., float | None]

    def potential(self, pattern: np.ndarray, a: float | None = None, **preparation: Any) -> np.ndarray:
        """Projected potential from a pattern, as `predict_potential`, without what is said about it.

        Returns:
            (H, W) float32 in [0, 1].

        Warns:
            TrustWarning: the pattern is unlike the training data.
        """
        return warned(self.predict_potential(pattern, a, **preparation)).potential

    def predict_potential(
        self,
        pattern: np.ndarray,
        a: float | None = None,
        *,
        thickness: float | Sequence[float] | None = None,
        check: bool = False,
        align: bool = True,
        fit: bool = True,
        calibration: Calibration | None = None,
        **user: Any,
    ) -> PotentialPrediction:
        """ρ from the pattern of a crystal seen along [001].

        Args:
            pattern: (H, W), or (T, H, W) for a network that takes the patterns of T thicknesses together, with the
                dark fields of its reflections after them, at each thickness in their order; NaN where a pixel has no
                value. The dark field of a forbidden reflection is one value all over.
            a: cell edge in Å.
            thickness: of the pattern in nm; None: what the network was trained on.
            check: also recompute the pattern from ρ (seconds to minutes); needs `a`.
            align: whether the pattern itself tells centre, rotation and aperture where they are not said.
            fit: whether an answer that few beams contradict or hardly confirm is fitted to its pattern (up to
                eight minutes of a slow core, or two).
            calibration: all that is known of the pattern, as :func:`lacbed_gan.images.calibration.calibrate` puts it
                together; None: what `a` and `user` say.
            user: half_width, pixel_size, rotation, centre, aperture, polarity, energy_kv, as in
                :class:`lacbed_gan.images.calibration.Calibration`; without the first two the pattern is taken to span
                the window of the recipe.

        Raises:
            PredictionError: the network is of the other direction, never saw the thickness, or needs other input.
            PreparationError: the pattern cannot be prepared.
        """
        self._require("inverse")
        if thickness is not None:
            asked = [thickness] if isinstance(thickness, int | float) else thickness
            if (other := self.of(asked)) is not self:
                return other.predict_potential(
                    pattern,
                    a,
                    thickness=thickness,
                    check=check,
                    align=align,
                    fit=fit,
                    calibration=calibration,
                    **user,
                )
            self.require_thickness(asked)
        images = np.asarray(pattern)
        images = images[None] if images.ndim == 2 else images
        if images.ndim != 3 or len(images) != self.images:
            nm = ", ".join(f"{t:g}" for t in self.thicknesses)
            few = f"; choose one of them with frame=0 … {len(images) - 1}" if images.ndim == 3 else ""
            few = few if self.images == 1 else ""
            takes = "one" if self.measured else f"those at {nm} nm together"
            if self.reflections:
                names = ", ".join(" ".join(map(str, g if len(g) > 2 else (*g, 0))) for g in self.reflections)
                takes += f" and then, at each thickness, the dark fields of {names}, {self.images} images"
            raise PredictionError(f"the pattern is {images.shape}, but the network takes {takes}{few}")
        if calibration is None:
            recipe = self.recipe
            calibration = calibrate(Measured(images), recipe.energy_kv, recipe.half_width, a=a, **user)
        source = dict(calibration.source) | {"thickness": ASSUMED if thickness is None else USER}
        calibration = replace(calibration, source=source)
        a = calibration.a
        if a is not None and not (math.isfinite(a) and a > 0):
            raise PredictionError(f"a={a} is not a positive number of Å")
        if a is None and (self.needs_a or check):
            raise PredictionError("a=… is needed, the cell edge in Å, which a pattern does not tell")
        nm = None if thickness is None else tuple(np.atleast_1d(thickness).astype(float).tolist())
        bright = self.images // (1 + len(self.reflections))
        reading = read_pattern(
            images, calibration, self.recipe, self.size, self._distance, align, self.measured, bright
        )
        best, ambiguity = reading.best, reading.ambiguity
        potential, span = self._potential(best, a, nm)
        if check and (why := self._unchecked(best, nm)):
            check, ambiguity = False, [*ambiguity, why]
        nm = nm or self.thicknesses
        result = self._check(best, potential, nm, span) if check else None
        if result is not None and reading.rival is not None:  # of two rotations physics may tell
            answer = self._potential(reading.rival, a, nm)
            other = self._check(reading.rival, answer[0], nm, answer[1])
            if other is not None and other.residual < CLEARLY * result.residual:
                best, result, (potential, span), ambiguity = reading.rival, other, answer, []
            elif other is None or result.residual < CLEARLY * other.residual:
                ambiguity = []
        lines = self._conditions({"a": a})[1] + ambiguity + reading.warnings
        lines += [line] if (line := other_energy(calibration, self.recipe.energy_kv)) else []
        shown = best.prepared[:bright]
        lines += dict.fromkeys(line for image in shown for line in pattern_warnings(image, self.measured))
        lines += [] if best.distance is None else distance_warnings(best.distance)
        fitted = None
        if np.ptp(potential) == 0:
            lines.append("the predicted ρ is the same all over")
        else:
            doubts, sure = self._doubts(best, potential, nm, span, result)
            if not sure and fit and span is not None and self._calculable(best):
                fitted = fit_potential(
                    potential, self._bright(best), float(a or 0), self.recipe, nm, span, doubted=bool(doubts)
                )
            if fitted is not None and fitted.better:
                potential, span = fitted.potential, fitted.span
                result = self._check(best, potential, nm, span) if check else None
                flagged = result is not None and result.flagged
                doubts = [result.verdict] if result is not None and flagged else []
                doubts += [] if flagged or fitted.right else [fit_warning(fitted)]
            lines += doubts
        calibration, inputs = best.calibration, best.inputs
        return PotentialPrediction(potential, span, inputs, nm, self.recipe, calibration, result, fitted, lines)

    def _potential(
        self, pattern: Candidate, a: float | None, thickness: tuple[float, ...] | None
    ) -> tuple[np.ndarray, float | None]:
        """ρ (n, n) and its range; the thickness in nm, or None, is told to networks of measured patterns."""
        condition, _ = self._conditions({"a": a})
        batch = torch.from_numpy(pattern.inputs)[None]
        if self.measured:
            number = torch.tensor([math.nan if thickness is None else thickness_number(thickness[0])])
            facts = known(number, torch.tensor([pattern.prepared[0].reach]))
            condition = facts if condition is None else torch.cat([condition, facts], 1)
        with torch.inference_mode():
            potential = self._trained.predict(batch, condition)[0, 0].numpy()
            span = self._trained.predict_span(batch, condition)
        return potential, None if span is None else float(span)

    def _unchecked(self, pattern: Candidate, thickness: Sequence[float] | None) -> str:
        """Why the pattern is not recomputed from ρ; empty where it can be."""
        if self.measured and thickness is None:
            return "the pattern is not recomputed from ρ: say thickness=… in nm"
        if pattern.prepared[0].reach < 1:
            return "the pattern is not recomputed from ρ: it covers smaller angles than the calculation"
        return ""

    def _check(
        self, pattern: Candidate, potential: np.ndarray, thickness: Sequence[float], span: float | None
    ) -> PhysicsCheck | None:
        """The physics check of ρ (n, n); None where that is the same all over."""
        if np.ptp(potential) == 0:
            return None
        a = float(pattern.calibration.a or 0)
        return check_potential(potential, self._bright(pattern), a, self.recipe, thickness, span)

    def _bright(self, pattern: Candidate) -> np.ndarray:
        """(T, H, W) without dark fields."""
        return pattern.inputs[: self.images // (1 + len(self.reflections))]

    def _calculable(self, pattern: Candidate) -> bool:
        """Whether patterns hold no more than diffraction of a crystal whose a is known."""
        plain = self.recipe.method == "converged" and self.recipe.absorption == "none"
        return plain and pattern.calibration.a is not None and not self.measured

    def _doubts(
        self,
        pattern: Candidate,
        potential: np.ndarray,
        thickness: Sequence[float],
        span: float | None,
        check: PhysicsCheck | None,
    ) -> tuple[list[str], bool]:
        """A line where the check, or without one that can tell few beams, make another pattern of ρ; and whether few
        beams make its own beyond doubt, or cannot tell."""
        if check is not None and check.flagged:
            return [check.verdict], False
        if span is None or self._unchecked(pattern, thickness) or not self._calculable(pattern):
            return [], True
        a = float(pattern.calibration.a or 0)
        value = agreement(potential, self._bright(pattern), a, self.recipe, thickness, span)
        told = check is not None and check.limit is not None
        return [] if told else agreement_warnings(value, thickness, span), is_sure(value, thickness, span)
