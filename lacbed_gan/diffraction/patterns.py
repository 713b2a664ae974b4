"""Bright-field and dark-field LACBED patterns of many crystals, with an estimate of their error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from lacbed_gan.crystal.crystal import Crystal
from lacbed_gan.diffraction.absorption import Absorption
from lacbed_gan.diffraction.beams import Beams, select_beams
from lacbed_gan.diffraction.constants import ABSORPTION_RATIO, G_MAX
from lacbed_gan.diffraction.cut_off import FINER, PROBES, AutoCutOff, CutOff, climb
from lacbed_gan.diffraction.errors import CalculationError
from lacbed_gan.diffraction.felix.bright_field import felix_bright_field
from lacbed_gan.diffraction.pixels import IndependentPixels
from lacbed_gan.diffraction.projection import Projection
from lacbed_gan.diffraction.recursion.converged import intensities
from lacbed_gan.diffraction.recursion.slices import absorbed_intensities
from lacbed_gan.diffraction.together import TOGETHER, Sample, Setting, groups, together
from lacbed_gan.diffraction.window import Window

# Pixels at which the error is estimated, by intensities with a cut-off FINER times larger: of an image without
# symmetry, and of the independent ones of a pattern, each of which stands for several
SAMPLED, INDEPENDENT = 64, 32


@dataclass(frozen=True)
class Patterns:
    """LACBED patterns of one crystal; row is k_y and column is k_x, both rising.

    Attributes:
        intensity: (T, H, W) float32 in [0, 1], of the direct beam.
        dark_field: (G, T, H, W) float32 in [0, 1], of the reflections asked for.
        error_rms, error_max: of the direct beam's intensities, root mean square and largest over a sample of
            pixels, all thicknesses: the difference to a converged calculation with a cut-off 1.2 times larger.
        g_max: cut-off of the beams in 1/Å; None of FELIX's patterns.
    """

    intensity: Tensor
    dark_field: Tensor
    error_rms: float
    error_max: float
    g_max: float | None


def compute_patterns(
    crystals: Sequence[Crystal],
    thickness: Sequence[float],
    size: int = 128,
    *,
    method: str = "converged",
    g_max: float | AutoCutOff = G_MAX,
    energy_kv: float = 200.0,
    half_width: float | None = None,
    window: str = "reciprocal",
    felix_ranks: int = 1,
    absorption: str = "none",
    absorption_ratio: float = ABSORPTION_RATIO,
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
    setting = Setting(list(thickness), directions, g_max, energy_kv, absorbing, list(dark_field), torch.device(device))
    projections = [Projection(crystal) for crystal in crystals]
    results: list[Patterns | CalculationError | None] = [None] * len(crystals)
    samples = []
    cut_offs = [G_MAX] * len(projections) if method == "felix" else _cut_offs(projections, setting)
    for i, (projection, cut_off) in enumerate(zip(projections, cut_offs, strict=True)):
        try:
            if isinstance(cut_off, CalculationError):
                results[i] = cut_off
            elif method == "felix":
                results[i] = _felix_patterns(projection, setting, felix_ranks)
            else:
                samples.append(Sample.of(i, projection, cut_off, setting))
        except CalculationError as error:
            results[i] = error
    for group in groups(samples, TOGETHER[setting.device.type]):
        for sample, patterns in zip(group, together(_converged_patterns, group, setting), strict=True):
            results[sample.place] = patterns
    return [result for result in results if result is not None]


def _cut_offs(projections: Sequence[Projection], setting: Setting) -> list[float | CutOff | CalculationError]:
    """The cut-off of each crystal; where the tolerance decides, with what it was found by.

    The tolerance is of the bright field; of reflections whose dark fields are wanted none lies beyond the cut-off.
    """
    if not isinstance(setting.g_max, AutoCutOff):
        return [setting.g_max] * len(projections)
    bright = replace(setting, dark_field=[])

    def compute(which: Sequence[int], g_max: float) -> list[Tensor | CalculationError]:
        values: dict[int, Tensor | CalculationError] = {}
        samples = []
        for i in which:
            try:
                samples.append(Sample.of(i, projections[i], g_max, bright))
            except CalculationError as error:
                values[i] = error
        for group in groups(samples, TOGETHER[setting.device.type]):
            values |= zip([each.place for each in group], together(_probed, group, bright), strict=True)
        return [values[i] for i in which]

    found = climb(compute, len(projections), setting.g_max.tolerance)
    return [
        cut_off if isinstance(cut_off, CalculationError) else cut_off.reaching(projection.net, setting.dark_field)
        for projection, cut_off in zip(projections, found, strict=True)
    ]


def _probed(group: Sequence[Sample], setting: Setting) -> list[Tensor]:
    """Intensities (T, PROBES) of crystals of one symmetry at some pixels."""
    projections = [sample.projection for sample in group]
    pixels = IndependentPixels.of_window(setting.window, group[0].group, projections[0].net)
    probes = spread(len(pixels.rows), PROBES)
    k = setting.incoming(projections, pixels.rows[probes], pixels.columns[probes])
    values, _ = _intensities(projections, [sample.beams for sample in group], k, setting)
    return list(values[:, 0].cpu())


def _converged_patterns(group: Sequence[Sample], setting: Setting) -> list[Patterns]:
    """Patterns of crystals of one symmetry."""
    projections = [sample.projection for sample in group]
    pixels = IndependentPixels.of_window(setting.window, group[0].group, projections[0].net)
    rows, columns = pixels.rows, pixels.columns
    k = setting.incoming(projections, rows, columns)
    star = {g: i for i, g in enumerate(pixels.star(setting.dark_field))}
    beams = [sample.beams for sample in group]
    diffracted = [each.find(list(star)) for each in beams] if star else None
    values, steps = _intensities(projections, beams, k, setting, diffracted)
    values = values.cpu()
    references = [sample.reference for sample in group if sample.reference is not None]
    sample = spread(len(rows), PROBES if references else INDEPENDENT)
    if not references:
        g_max = [sample.g_max for sample in group]
        references = _finer(projections, g_max, rows[sample], columns[sample], setting, steps)
    results = []
    for each, value, reference in zip(group, values, references, strict=True):
        image = pixels.complete(value[0])
        dark = [pixels.complete_dark_field(value[1:], star, g) for g in setting.dark_field]
        dark_field = torch.stack(dark) if dark else image.new_zeros(0, *image.shape)
        results.append(Patterns(image, dark_field, *_errors(value[0][:, sample], reference), each.g_max))
    return results


def _intensities(
    projections: Sequence[Projection],
    beams: Sequence[Beams],
    k: Tensor,
    setting: Setting,
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


def _felix_patterns(projection: Projection, setting: Setting, ranks: int) -> Patterns:
    if not projection.crystal.is_standard_view or setting.window.unit != "reciprocal":
        raise CalculationError("method 'felix' is of cubic crystals along [001], x along a*, with window=reciprocal")
    size = setting.window.size
    image = felix_bright_field(projection.crystal, setting.thickness, size, ranks, setting.device).float().cpu()
    # FELIX's patterns have no symmetry to rely on: the sample is of the whole image.
    sample = spread(size**2, SAMPLED)
    rows, columns = sample // size, sample % size
    g_max = G_MAX if isinstance(setting.g_max, AutoCutOff) else setting.g_max
    (reference,) = _finer([projection], [g_max], rows, columns, setting)
    return Patterns(image, image.new_zeros(0, *image.shape), *_errors(image[:, rows, columns], reference), None)


def _finer(
    projections: Sequence[Projection],
    g_max: Sequence[float],
    rows: Tensor,
    columns: Tensor,
    setting: Setting,
    steps: int | None = None,
) -> list[Tensor]:
    """Intensities (T, P) of each crystal at some pixels with a cut-off that is `FINER` times larger."""
    cut_offs = zip(projections, g_max, strict=True)
    beams = [select_beams(projection, FINER * cut_off, setting.energy_kv) for projection, cut_off in cut_offs]
    k = setting.incoming(projections, rows, columns)
    return list(_intensities(projections, beams, k, setting, expected=steps)[0][:, 0].cpu())


def _errors(values: Tensor, reference: Tensor) -> tuple[float, float]:
    """Root mean square and largest difference of intensities."""
    difference = reference - values
    return float(difference.square().mean().sqrt()), float(difference.abs().max())


def spread(count: int, most: int) -> Tensor:
    """Indices of at most so many of a number of pixels, evenly from the first to the last."""
    return torch.linspace(0, count - 1, min(most, count)).round().long()
