"""Bright-field and dark-field LACBED patterns of crystals, with an estimate of their error."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lacbed_gan.crystal.crystal import Crystal
from lacbed_gan.diffraction.beams import Beams, select_beams
from lacbed_gan.diffraction.constants import G_MAX, HALF_WIDTH, METHODS, wavelength
from lacbed_gan.diffraction.felix.bright_field import felix_bright_field
from lacbed_gan.diffraction.recursion.converged import intensities
from lacbed_gan.diffraction.window import (
    complete_dark_field,
    complete_pattern,
    independent_pixels,
    pixel_axis,
    star_of,
)

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


def bright_field(
    crystal: Crystal,
    thickness: Sequence[float] = (50, 100, 150, 200),
    size: int = 128,
    *,
    method: str = "converged",
    g_max: float = G_MAX,
    energy_kv: float = 200.0,
    half_width: float = HALF_WIDTH,
    felix_ranks: int = 1,
) -> Tensor:
    """Bright-field LACBED pattern of a crystal seen along [001]: the intensity of the direct beam.

    Args:
        thickness: T values in nm.
        size: pixels along an edge; the image spans the same angles whatever its size.
        method: ``converged`` is exact within its cut-off; ``felix`` reproduces the numbers of the program FELIX,
            a truncated calculation, from which the published data set was made.
        g_max: cut-off of the beams in 1/Å, for ``converged``; ``felix`` has its own rule.
        energy_kv: of the beam, for ``converged``; ``felix`` is made for 200 kV.
        half_width: half the edge of the pattern in reciprocal lattice units 1/a, for ``converged``.
        felix_ranks: number of MPI processes of the FELIX run to reproduce, see
            :func:`lacbed_gan.diffraction.felix.bright_field.felix_bright_field`.

    Returns:
        (T, size, size) float32 in [0, 1]; row is k_y and column is k_x, both rising.

    Raises:
        ValueError: an unknown method, a number that is not positive, or a crystal that cannot be computed.
    """
    if method not in METHODS:
        raise ValueError(f"method '{method}' is not one of {', '.join(METHODS)}")
    if min(size, g_max, energy_kv, half_width, felix_ranks, *thickness, len(thickness)) <= 0:
        raise ValueError(f"size {size}, g_max {g_max} and thickness {list(thickness)} must be positive")
    (patterns,) = compute_patterns(
        [crystal],
        thickness,
        size,
        method=method,
        g_max=g_max,
        energy_kv=energy_kv,
        half_width=half_width,
        felix_ranks=felix_ranks,
    )
    if isinstance(patterns, ValueError):
        raise patterns
    return patterns.intensity


def compute_patterns(
    crystals: Sequence[Crystal],
    thickness: Sequence[float],
    size: int = 128,
    *,
    method: str = "converged",
    g_max: float = G_MAX,
    energy_kv: float = 200.0,
    half_width: float = HALF_WIDTH,
    felix_ranks: int = 1,
    dark_field: Sequence[tuple[int, int]] = (),
    device: str | torch.device = "cpu",
) -> list[Patterns | ValueError]:
    """Patterns of many crystals, on a GPU computed together; see :func:`lacbed_gan.diffraction.bright_field`.

    Args:
        dark_field: G pairs (h, k) of reflections hk0, for ``converged``; the position in a dark-field pattern is
            the direction of the incoming beam, as in the bright-field one.
        device: where to compute; the results are on the CPU.

    Returns:
        One entry a crystal, in order; the ValueError of one that cannot be computed.
    """
    setting = _Setting(list(thickness), size, g_max, energy_kv, half_width, list(dark_field), torch.device(device))
    if method == "felix":
        return [_or_error(_felix_patterns, crystal, setting, felix_ranks) for crystal in crystals]
    beams = [_or_error(_select, crystal, setting) for crystal in crystals]
    results = list(beams)  # the errors stay
    for group in _groups(crystals, beams, setting):
        together = _together([crystals[i] for i in group], [beams[i] for i in group], setting)
        for i, one in zip(group, together, strict=True):
            results[i] = one
    return results


@dataclass(frozen=True)
class _Setting:
    """Arguments of `compute_patterns` that hold for all crystals."""

    thickness: list[float]
    size: int
    g_max: float
    energy_kv: float
    half_width: float
    dark_field: list[tuple[int, int]]
    device: torch.device

    def incoming(self, crystals: Sequence[Crystal], rows: Tensor, columns: Tensor) -> Tensor:
        """(C, P, 2) in-plane components (x, y) of the incoming beams in 1/Å at pixels of crystals."""
        axis = pixel_axis(self.size, self.half_width)
        pixels = torch.stack([axis[columns], axis[rows]], 1).to(self.device)
        return torch.stack([pixels / crystal.a for crystal in crystals])


def _or_error(function: Callable, *arguments: object) -> Any:
    try:
        return function(*arguments)
    except ValueError as error:
        return error


def _select(crystal: Crystal, setting: _Setting) -> Beams:
    steepest = math.sqrt(2) * setting.half_width / crystal.a * wavelength(setting.energy_kv)
    if steepest >= 1:
        raise ValueError(f"half_width {setting.half_width} /a reaches past grazing incidence at {setting.energy_kv} kV")
    beyond = [f"{h} {k} 0" for h, k in setting.dark_field if math.hypot(h, k) > setting.g_max * crystal.a]
    if beyond:
        raise ValueError(f"reflection {beyond[0]} lies beyond g_max {setting.g_max} 1/Å")
    return select_beams(crystal, setting.g_max, setting.energy_kv)


def _groups(crystals: Sequence[Crystal], beams: Sequence[Beams | ValueError], setting: _Setting) -> Iterator[list[int]]:
    """Indices of crystals to compute together: of one symmetry and of similar number of beams; on a CPU one."""
    usable = [i for i, one in enumerate(beams) if isinstance(one, Beams)]
    usable.sort(key=lambda i: (crystals[i].pattern_symmetry, len(beams[i])))
    group: list[int] = []
    for i in usable:
        fits = group and (
            crystals[i].pattern_symmetry == crystals[group[0]].pattern_symmetry
            and len(beams[i]) <= SIMILAR * len(beams[group[0]])
            and len(group) < TOGETHER[setting.device.type]
        )
        if group and not fits:
            yield group
            group = []
        group.append(i)
    if group:
        yield group


def _together(crystals: Sequence[Crystal], beams: Sequence[Beams], setting: _Setting) -> list[Patterns | ValueError]:
    """Patterns of crystals of one symmetry; where that fails those of each alone, to find whose error it is."""
    try:
        return _converged_patterns(crystals, beams, setting)
    except ValueError as error:
        if len(crystals) == 1:
            return [error]
    return [_together([crystal], [own], setting)[0] for crystal, own in zip(crystals, beams, strict=True)]


def _converged_patterns(crystals: Sequence[Crystal], beams: Sequence[Beams], setting: _Setting) -> list[Patterns]:
    """Patterns of crystals of one symmetry."""
    symmetry = crystals[0].pattern_symmetry
    rows, columns = independent_pixels(setting.size, symmetry)
    k = setting.incoming(crystals, rows, columns)
    star = {tuple(g): i for i, g in enumerate(star_of(setting.dark_field, symmetry))}
    found = [one.find(list(star)) for one in beams] if star else None
    values, steps = intensities(beams, k, setting.thickness, setting.energy_kv, found)
    sample = torch.linspace(0, len(rows) - 1, min(SAMPLED, len(rows))).round().long()
    errors = _errors(crystals, values[:, 0].cpu()[..., sample], rows[sample], columns[sample], setting, steps)
    results = []
    for value, error in zip(values.cpu(), errors, strict=True):
        image = complete_pattern(value[0], rows, columns, setting.size, symmetry)
        dark = image.new_zeros(0, *image.shape)
        if star:
            dark = torch.stack(
                [
                    complete_dark_field(value[1:], star, g, rows, columns, setting.size, symmetry)
                    for g in setting.dark_field
                ]
            )
        results.append(Patterns(image, dark, *error))
    return results


def _felix_patterns(crystal: Crystal, setting: _Setting, ranks: int) -> Patterns:
    image = felix_bright_field(crystal, setting.thickness, setting.size, ranks, setting.device).float().cpu()
    # FELIX's patterns have no symmetry to rely on: the sample is of the whole image.
    sample = torch.linspace(0, setting.size**2 - 1, min(SAMPLED, setting.size**2)).round().long()
    rows, columns = sample // setting.size, sample % setting.size
    (error,) = _errors([crystal], image[None, :, rows, columns], rows, columns, setting)
    return Patterns(image, image.new_zeros(0, *image.shape), *error)


def _errors(
    crystals: Sequence[Crystal],
    values: Tensor,
    rows: Tensor,
    columns: Tensor,
    setting: _Setting,
    steps: int | None = None,
) -> list[tuple[float, float]]:
    """Root mean square and largest difference of intensities (C, T, P) from those of a larger cut-off."""
    beams = [select_beams(crystal, FINER * setting.g_max, setting.energy_kv) for crystal in crystals]
    k = setting.incoming(crystals, rows, columns)
    finer, _ = intensities(beams, k, setting.thickness, setting.energy_kv, expected=steps)
    difference = finer[:, 0].cpu() - values
    return [(float(one.square().mean().sqrt()), float(one.abs().max())) for one in difference]
