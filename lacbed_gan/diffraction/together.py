"""Crystals that are computed together: of one symmetry and with similar numbers of beams."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from lacbed_gan.crystal.plane_symmetry import Matrix
from lacbed_gan.crystal.zone_axis import ALONG_001
from lacbed_gan.diffraction.absorption import Absorption
from lacbed_gan.diffraction.beams import Beams, select_beams
from lacbed_gan.diffraction.constants import wavelength
from lacbed_gan.diffraction.cut_off import AutoCutOff, CutOff
from lacbed_gan.diffraction.errors import CalculationError
from lacbed_gan.diffraction.projection import Projection
from lacbed_gan.diffraction.window import Window

Result = TypeVar("Result")
SIMILAR = 1.3  # ratio of the numbers of beams of crystals that are computed together
TOGETHER = {"cpu": 1, "cuda": 64}  # crystals at a time: a core is busy with one, a GPU is not
AT_ONCE = {"cpu": 1, "cuda": 32}  # crystals among which those of one symmetry and of similar size are found


@dataclass(frozen=True)
class Setting:
    """Arguments of `compute_patterns` that hold for all crystals."""

    thickness: list[float]
    window: Window
    g_max: float | AutoCutOff
    energy_kv: float
    absorption: Absorption
    dark_field: list[tuple[int, int]]
    device: torch.device

    def incoming(self, projections: Sequence[Projection], rows: Tensor, columns: Tensor) -> Tensor:
        """(C, P, 2) in-plane components (x, y) of the incoming beams in 1/Å at pixels of crystals."""
        k = [torch.from_numpy(self.window.directions(projection.net, rows, columns)) for projection in projections]
        return torch.stack(k).to(self.device)


@dataclass(frozen=True)
class Sample:
    """A crystal to compute: its place among those asked for, its beams, and the symmetry of its patterns' pixels."""

    place: int
    projection: Projection
    g_max: float
    reference: Tensor | None  # intensities at `probes` with a larger cut-off, where they were computed to choose g_max
    beams: Beams
    group: tuple[Matrix, ...]
    kind: tuple[object, ...]  # alike for those that can be computed together

    @classmethod
    def of(cls, place: int, projection: Projection, cut_off: float | CutOff, setting: Setting) -> Sample:
        g_max, reference = (cut_off.g_max, cut_off.reference) if isinstance(cut_off, CutOff) else (cut_off, None)
        beams = _select(projection, g_max, setting)
        setting.absorption.check(projection.crystal)
        # The two-fold axis that every bright-field pattern has is none of dark-field ones.
        group = projection.rotations if setting.dark_field else projection.point_group
        kind = setting.window.operations(group, projection.net), beams.potential.is_complex(), beams.reflection is None
        return cls(place, projection, g_max, reference, beams, group, (kind, reference is None))


def _select(projection: Projection, g_max: float, setting: Setting) -> Beams:
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
        if not net.inside((h, k), g_max):
            hkl = _text(h * np.asarray(view.basis[0]) + k * np.asarray(view.basis[1]))
            raise CalculationError(f"reflection {hkl} lies beyond g_max {g_max:g} 1/Å")
    return select_beams(projection, g_max, setting.energy_kv)


def _text(indices: ArrayLike) -> str:
    return " ".join(f"{x:d}" for x in np.asarray(indices))


def groups(samples: Sequence[Sample], most: int) -> Iterator[list[Sample]]:
    """Crystals to compute together: of one symmetry and of similar number of beams; on a CPU one."""
    group: list[Sample] = []
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


def together(
    calculation: Callable[[Sequence[Sample], Setting], Sequence[Result]], group: Sequence[Sample], setting: Setting
) -> list[Result | CalculationError]:
    """Results of crystals of one symmetry; where that fails those of each alone, to find whose error it is."""
    try:
        return list(calculation(group, setting))
    except CalculationError as error:
        if len(group) == 1:
            return [error]
    return [together(calculation, [sample], setting)[0] for sample in group]
