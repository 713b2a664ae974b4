"""Trained networks for a user's own crystals and patterns: arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lacbed_gan.crystal.crystal import Crystal
from lacbed_gan.data.conditions import NET, QUANTITIES, quantity, thickness_number
from lacbed_gan.diffraction.few_beams import few_beam_patterns
from lacbed_gan.diffraction.potential import projected_potential
from lacbed_gan.diffraction.window import Window
from lacbed_gan.images.reduction import reduced_potential
from lacbed_gan.images.scaling import to_uint8, to_unit
from lacbed_gan.models.weights import Trained
from lacbed_gan.predict.input_warnings import condition_warnings, distance_warnings
from lacbed_gan.predict.potentials import PredictsPotentials
from lacbed_gan.predict.prediction import PatternPrediction
from lacbed_gan.predict.sampling import DrawsSamples
from lacbed_gan.predict.spot_check import spot_agreement, spot_warnings
from lacbed_gan.predict.trust import PredictionError, warned
from lacbed_gan.store.entry import view_of
from lacbed_gan.store.recipe import Recipe


class Predictor(PredictsPotentials, DrawsSamples):
    """One trained network of one direction.

    Attributes:
        direction: ``forward`` (ρ → patterns) or ``inverse`` (patterns → ρ).
        thicknesses: those it was trained on, in nm.
        size: pixels along an edge of its images.
        recipe: how its training pairs were made, which is how its inputs are.
        needs_a: whether it has to be told the cell edge.
        images: that it takes of a pattern: bright fields, then at each thickness those of the reflections.
        reflections: hk or hkl whose dark fields it takes too.
        measured: whether it knows measured patterns: smaller windows, and any thickness in the range of `thicknesses`,
            told or not.
        between: least and largest thickness in nm of which it knows all, if it is such a network; else None.

    Args:
        trained: the network.
    """

    def __init__(self, trained: Trained):
        settings = trained.settings
        self._trained = trained
        self.direction: str = settings.direction
        self.thicknesses: tuple[float, ...] = settings.thickness
        self.size: int = settings.size
        self.recipe: Recipe = trained.recipe
        self.needs_a: bool = bool(settings.condition)
        self.images, self.measured, self.reflections = settings.images, settings.measured, settings.reflections
        ends = min(self.thicknesses), max(self.thicknesses)
        self.between: tuple[float, float] | None = ends if self.measured else trained.thickness_range

    @property
    def known_thickness(self) -> str:
        """The thicknesses that it knows, in words."""
        if self.between:
            return f"{self.between[0]:g} to {self.between[1]:g} nm"
        return f"{', '.join(f'{t:g}' for t in self.thicknesses)} nm"

    def forward_pattern(self, crystal: Crystal, thickness: Sequence[float] | None = None) -> np.ndarray:
        """LACBED patterns of a crystal seen along [001], as `predict_patterns`, without what is said about them.

        Returns:
            (T, H, W) float32 in [0, 1].

        Warns:
            TrustWarning: the crystal is unlike the training data.
        """
        return warned(self.predict_patterns(crystal, thickness)).pattern

    def predict_patterns(
        self, crystal: Crystal, thickness: Sequence[float] | None = None, b_iso: float | None = None
    ) -> PatternPrediction:
        """Patterns of a crystal seen along [001].

        Args:
            thickness: in nm, among `thicknesses`; None: all of them.
            b_iso: B in Å² of the atoms for which the crystal gives none; None: see `Recipe.b_iso_of_prediction`.

        Raises:
            PredictionError: the network is of the other direction, or never saw a thickness or such a crystal.
        """
        self._require("forward")
        if not crystal.is_standard_view and not {*NET} <= {*self._trained.settings.condition}:
            what = f"{crystal.space_group}, not cubic" if crystal.number < 195 else "not along [001]"
            raise PredictionError(
                f"{crystal.name} is {what}; the network knows cubic crystals along [001] alone, and "
                "lacbed_gan.simulate computes any"
            )
        nm, recipe = self.require_thickness(self.thicknesses if thickness is None else thickness), self.recipe
        b_iso = recipe.b_iso_of_prediction if b_iso is None else b_iso
        rho = projected_potential(
            crystal.with_default_b_iso(b_iso),
            recipe.size,
            g_max=recipe.rho_g_max,
            sampling=recipe.rho_sampling,
            energy_kv=recipe.energy_kv,
        ).numpy()
        image = reduced_potential(to_uint8(rho)[None], self.size, self._trained.settings.origin)[0]
        image = torch.from_numpy(to_unit(image))
        entry = {"a": crystal.a, "rho_min": float(rho.min()), "rho_max": float(rho.max()), **view_of(crystal)}
        condition, lines = self._conditions(entry)
        if len(self.thicknesses) > 1:  # the network is given it too
            numbers = torch.tensor([[thickness_number(t)] for t in nm])
            condition = numbers if condition is None else torch.cat([condition.expand(len(nm), -1), numbers], 1)
        inputs, few_beams = image.expand(len(nm), 1, -1, -1), self._trained.settings.few_beams
        if few_beams and image.max() > image.min():
            span, window = float(rho.max() - rho.min()), Window(self.size, recipe.half_width)
            patterns = few_beam_patterns([image.numpy()], [span], [crystal.a], nm, window, few_beams, recipe.energy_kv)
            _, first = next(patterns)
            inputs = torch.cat([inputs, torch.from_numpy(to_unit(to_uint8(first)))[:, None]], 1)
        elif few_beams:  # nothing scatters
            inputs = inputs.expand(-1, 2, -1, -1)
        with torch.inference_mode():
            pattern = self._trained.predict(inputs, condition)
        if few_beams and image.max() > image.min():
            agreement = spot_agreement(image.numpy(), span, crystal.a, pattern[:, 0].numpy(), nm, recipe)
            lines += spot_warnings(nm, agreement)
        lines += self._unlike(image[None, None])
        if image.max() == image.min():
            lines.append("ρ is the same all over")
        assumed = None if crystal.b_given.all() else b_iso
        return PatternPrediction(pattern[:, 0].numpy(), nm, image.numpy(), recipe, assumed, lines)

    def _require(self, direction: str) -> None:
        if self.direction != direction:
            takes = {"forward": "crystals (CIF)", "inverse": "patterns"}[self.direction]
            raise PredictionError(f"the network is of direction={self.direction}, which takes {takes}")

    def of(self, thickness: Sequence[float]) -> Predictor:
        """The network for patterns of a thickness (nm), where it is one that knows all of a range; else this one."""
        ends = self._trained.thickness_range
        if ends is None or len(thickness) != 1 or not ends[0] <= thickness[0] <= ends[1]:
            return self
        return self if thickness[0] in self.thicknesses else Predictor(self._trained.at(thickness[0]))

    def require_thickness(self, thickness: Sequence[float]) -> tuple[float, ...]:
        """The thicknesses (nm) as floats; PredictionError that names one which the network does not know."""
        if self.between:
            if len(thickness) > 1 and not self.measured:
                raise PredictionError("the network reads the pattern of one thickness: name it with thickness=…")
            low, high = self.between
            wrong = [t for t in thickness if not low <= t <= high]
        else:
            wrong = [t for t in thickness if t not in self.thicknesses]
        if wrong:
            never = "the network knows" if self.between else "the network never saw it; it knows"
            raise PredictionError(f"thickness={wrong[0]:g} nm: {never} {self.known_thickness}")
        return tuple(map(float, thickness))

    def _conditions(self, entry: Mapping[str, Any]) -> tuple[Tensor | None, list[str]]:
        """(1, C) standardised logarithms that the network is given of a crystal, and warnings.

        Args:
            entry: what a store's index tells of a crystal.
        """
        names = self._trained.settings.condition
        logarithms = [quantity(name, entry) for name in names]
        z = [self._trained.standardised(*pair) for pair in zip(names, logarithms, strict=True)]
        unusual = [self._trained.unusual(*pair) for pair in zip(names, logarithms, strict=True)]
        lines = condition_warnings([QUANTITIES[name][0] for name in names], np.exp(logarithms), unusual)
        return torch.tensor([z], dtype=torch.float32) if names else None, lines

    def _unlike(self, batch: Tensor) -> list[str]:
        """A warning where the input (1, C, H, W) is far from all training inputs."""
        distance = self._distance(batch[0].numpy())
        return [] if distance is None else distance_warnings(distance)

    def _distance(self, inputs: np.ndarray) -> float | None:
        """Of inputs (C, H, W) from the training data, in units of the usual one; None where nothing is kept of it."""
        familiar = self._trained.familiar
        bright = len(inputs) // (1 + len(self.reflections))
        return None if familiar is None else familiar.distance(self.direction, torch.from_numpy(inputs[:bright])[None])
