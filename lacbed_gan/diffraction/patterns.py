"""Bright-field and dark-field LACBED patterns of many crystals, with an estimate of their error."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from lacbed_gan.crystal.crystal import Crystal
from lacbed_gan.crystal.plane_symmetry import Matrix
from lacbed_gan.crystal.zone_axis import ALONG_001
from lacbed_gan.diffraction.absorption import Absorption
from lacbed_gan.diffraction.beams import Beams, select_beams
from lacbed_gan.diffraction.constants import G_MAX, wavelength
from lacbed_gan.diffraction.errors import CalculationError
from lacbed_gan.diffraction.felix.bright_field import felix_bright_field
from lacbed_gan.diffraction.pixels import IndependentPixels
from lacbed_gan.diffraction.projection import Projection
from lacbed_gan.diffraction.recursion.converged import intensities
from lacbed_gan.diffraction.recursion.slices import absorbed_intensities
from lacbed_gan.diffraction.window import Window

# The estimate of the error: some pixels again with the cut-off this many times larger.
FINER = 1.2
SAMPLED = 64
SIMILAR = 1.3  # ratio of the numbers of beams of crystals that are computed together
TOGETHER = {"cpu": 1, "cuda": 64}  # crystals at a time: a core is busy with one, a GPU is not


@dataclass(frozen=True)
class Patterns:
    """LACBED patterns of one crystal; row is k_y and column is k_x, both rising.

    Attributes:
        intensity: (T, H, W) float32 in [0, 1], of the direct beam.
        dark_field: (G, T, H, W) float32 in [0, 1], of the reflections asked for.
        error_rms, error_max: of the direct beam's intensities, root mean square and largest over a sample of
            pixels, all thicknesses: the difference to a converged calculation with a cut-off 1.2 times larger.
    """

    intensity: Tensor
    dark_field: Tensor
    error_rms: float
    error_max: float


def compute_patterns(
    crystals: Sequence[Crystal],
    thickness: Sequence[float],
    size: int = 128,
    *,
    method: str = "converged",
    g_max: float = G_MAX,
    energy_kv: float = 200.0,
    half_width: float | None = None,
    window: str = "reciprocal",
    felix_ranks: int = 1,
    absorption: str = "none",
    absorption_ratio: float = 0.1,
    dark_field: Sequence[tuple[int, int]] = (),
    device: str | torch.device = "cpu",
) -> list[Patterns | CalculationError]:
    """Patterns of many crystals along their zone axes, on a GPU computed together.

    Arguments are those of :func:`lacbed_gan.diffraction.bright_field`.

    Args:
        dark_field: G pairs (h, k) of reflections h b₁ + k b₂, for ``converged``; the position in a dark-field pattern
            is the direction of the incoming beam, as in the bright-field one.
        device: where to compute; the results are on the CPU.

    Returns:
        One entry a crystal, in order; the CalculationError of one that cannot be computed.
    """
    directions = Window.of(size, half_width, window, energy_kv)
    absorbing = Absorption(absorption, absorption_ratio)
    if absorbing and method == "felix":
        raise CalculationError("absorption is of method=converged; method=felix has none")
    setting = _Setting(list(thickness), directions, g_max, energy_kv, absorbing, list(dark_field), torch.device(device))
    projections = [Projection(crystal) for crystal in crystals]
    results: list[Patterns | CalculationError | None] = [None] * len(crystals)
    samples = []
    for i, projection in enumerate(projections):
        try:
            if method == "felix":
                results[i] = _felix_patterns(projection, setting, felix_ranks)
            else:
                samples.append(_Sample.of(i, projection, setting))
        except CalculationError as error:
            results[i] = error
    for group in _groups(samples, TOGETHER[setting.device.type]):
        for sample, patterns in zip(group, _together(group, setting), strict=True):
            results[sample.place] = patterns
    return [result for result in results if result is not None]


@dataclass(frozen=True)
class _Setting:
    """Arguments of `compute_patterns` that hold for all crystals."""

    thickness: list[float]
    window: Window
    g_max: float
    energy_kv: float
    absorption: Absorption
    dark_field: list[tuple[int, int]]
    device: torch.device

    def incoming(self, projections: Sequence[Projection], rows: Tensor, columns: Tensor) -> Tensor:
        """(C, P, 2) in-plane components (x, y) of the incoming beams in 1/Å at pixels of crystals."""
        k = [torch.from_numpy(self.window.directions(projection.net, rows, columns)) for projection in projections]
        return torch.stack(k).to(self.device)


@dataclass(frozen=True)
class _Sample:
    """A crystal to compute: its place among those asked for, its beams, and the symmetry of its patterns' pixels."""

    place: int
    projection: Projection
    beams: Beams
    group: tuple[Matrix, ...]
    kind: tuple[object, ...]  # alike for those that can be computed together

    @classmethod
    def of(cls, place: int, projection: Projection, setting: _Setting) -> _Sample:
        beams = _select(projection, setting)
        setting.absorption.check(projection.crystal)
        # The two-fold axis that every bright-field pattern has is none of dark-field ones.
        group = projection.rotations if setting.dark_field else projection.point_group
        kind = setting.window.operations(group, projection.net), beams.potential.is_complex(), beams.reflection is None
        return cls(place, projection, beams, group, kind)


def _select(projection: Projection, setting: _Setting) -> Beams:
    window, net = setting.window, projection.net
    view = projection.crystal.view
    if window.unit == "reciprocal" and view.is_turned:
        raise CalculationError(
            f"x_axis {_text(view.x_axis)} is none of the two shortest vectors of the net, {_text(view.basis[0])} and "
            f"{_text(view.basis[1])}, which window=reciprocal is along; take another x_axis or window=1/Å"
        )
    if window.steepest(net) * wavelength(setting.energy_kv) >= 1:
        unit = {"reciprocal": "/a" if view == ALONG_001 else "b₁"}.get(window.unit, window.unit)
        raise CalculationError(
            f"half_width {window.half_width:g} {unit} reaches past grazing incidence at {setting.energy_kv} kV"
        )
    for h, k in setting.dark_field:
        if not net.inside((h, k), setting.g_max):
            hkl = _text(h * np.asarray(view.basis[0]) + k * np.asarray(view.basis[1]))
            raise CalculationError(f"reflection {hkl} lies beyond g_max {setting.g_max} 1/Å")
    return select_beams(projection, setting.g_max, setting.energy_kv)


def _text(indices: ArrayLike) -> str:
    return " ".join(f"{x:d}" for x in np.asarray(indices))


def _groups(samples: Sequence[_Sample], most: int) -> Iterator[list[_Sample]]:
    """Crystals to compute together: of one symmetry and of similar number of beams; on a CPU one."""
    group: list[_Sample] = []
    for sample in sorted(samples, key=lambda sample: (sample.kind, len(sample.beams))):
        fits = group and (
            sample.kind == group[0].kind and len(sample.beams) <= SIMILAR * len(group[0].beams) and len(group) < most
        )
        if group and not fits:
            yield group
            group = []
        group.append(sample)
    if group:
        yield group


def _together(group: Sequence[_Sample], setting: _Setting) -> list[Patterns | CalculationError]:
    """Patterns of crystals of one symmetry; where that fails those of each alone, to find whose error it is."""
    try:
        return list(_converged_patterns(group, setting))
    except CalculationError as error:
        if len(group) == 1:
            return [error]
    return [_together([sample], setting)[0] for sample in group]


def _converged_patterns(group: Sequence[_Sample], setting: _Setting) -> list[Patterns]:
    """Patterns of crystals of one symmetry."""
    projections = [sample.projection for sample in group]
    pixels = IndependentPixels.of_window(setting.window, group[0].group, projections[0].net)
    rows, columns = pixels.rows, pixels.columns
    k = setting.incoming(projections, rows, columns)
    star = {g: i for i, g in enumerate(pixels.star(setting.dark_field))}
    beams = [sample.beams for sample in group]
    diffracted = [each.find(list(star)) for each in beams] if star else None
    values, steps = _intensities(projections, beams, k, setting, diffracted)
    sample = torch.linspace(0, len(rows) - 1, min(SAMPLED, len(rows))).round().long()
    errors = _errors(projections, values[:, 0].cpu()[..., sample], rows[sample], columns[sample], setting, steps)
    results = []
    for value, error in zip(values.cpu(), errors, strict=True):
        image = pixels.complete(value[0])
        dark = [pixels.complete_dark_field(value[1:], star, g) for g in setting.dark_field]
        results.append(Patterns(image, torch.stack(dark) if dark else image.new_zeros(0, *image.shape), *error))
    return results


def _intensities(
    projections: Sequence[Projection],
    beams: Sequence[Beams],
    k: Tensor,
    setting: _Setting,
    reflections: Sequence[Tensor] | None = None,
    expected: int | None = None,
) -> tuple[Tensor, int | None]:
    """(C, 1 + G, T, P) of crystals at directions (C, P, 2), and the steps of a recursion where there was one."""
    thickness, energy = setting.thickness, setting.energy_kv
    if not setting.absorption:
        return intensities(beams, k, thickness, energy, reflections, expected)
    chosen: Sequence[Tensor | None] = reflections or [None] * len(beams)
    values = []
    for projection, each, directions, indices in zip(projections, beams, k, chosen, strict=True):
        absorbing = setting.absorption.beams(projection, each, energy)
        values.append(absorbed_intensities(each, absorbing, directions, thickness, energy, indices))
    return torch.stack(values), None


def _felix_patterns(projection: Projection, setting: _Setting, ranks: int) -> Patterns:
    size = setting.window.size
    image = felix_bright_field(projection.crystal, setting.thickness, size, ranks, setting.device).float().cpu()
    # FELIX's patterns have no symmetry to rely on: the sample is of the whole image.
    sample = torch.linspace(0, size**2 - 1, min(SAMPLED, size**2)).round().long()
    rows, columns = sample // size, sample % size
    (error,) = _errors([projection], image[None, :, rows, columns], rows, columns, setting)
    return Patterns(image, image.new_zeros(0, *image.shape), *error)


def _errors(
    projections: Sequence[Projection],
    values: Tensor,
    rows: Tensor,
    columns: Tensor,
    setting: _Setting,
    steps: int | None = None,
) -> list[tuple[float, float]]:
    """Root mean square and largest difference of intensities (C, T, P) from those of a larger cut-off."""
    beams = [select_beams(projection, FINER * setting.g_max, setting.energy_kv) for projection in projections]
    k = setting.incoming(projections, rows, columns)
    finer, _ = _intensities(projections, beams, k, setting, expected=steps)
    differences = finer[:, 0].cpu() - values
    return [(float(difference.square().mean().sqrt()), float(difference.abs().max())) for difference in differences]
