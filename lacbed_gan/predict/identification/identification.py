"""Identify a crystal by its patterns: candidates, a first list, the exact calculation of the best, and a verdict."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lacbed_gan.base.errors import UserError
from lacbed_gan.crystal.crystal import Crystal
from lacbed_gan.crystal.formulas import conventional_formula
from lacbed_gan.crystal.open_databases import seen_in_experiments
from lacbed_gan.images.felix_series import DIRECT
from lacbed_gan.images.measured import Measured
from lacbed_gan.predict.identification.calculation import Physics
from lacbed_gan.predict.identification.candidates import B_ISO, SETS, candidates
from lacbed_gan.predict.identification.network import FirstRanking, first_ranking, reason_against
from lacbed_gan.predict.identification.search import Ranking, Scored, rank
from lacbed_gan.predict.identification.verdict import Verdict, judge
from lacbed_gan.predict.observation import Observation, observe
from lacbed_gan.predict.predictor import Predictor

A_TOLERANCE = 0.012  # relative: cells from density functional theory are within 2 %, most within 1 %
THICKNESS = (20.0, 200.0)  # nm, where nobody says it
SPREAD = 0.05  # relative, around a thickness that the user gives
G_MAX = 3.0  # 1/Å; at 2.5 right crystals leave up to 5 % of a thick, heavy one's pattern
BEST = 12  # candidates of which all beams count
MOST = 1500  # candidates that are calculated roughly: some minutes
LISTED = 400  # of those that a network ranked first
UNITS = {
    "a": "Å",
    "thickness": "nm",
    "r": "1 (Pearson's, −1 … 1)",
    "unexplained": "1 (share of variance)",
    "blur": "px of the compared images",
    "b_factor": "1",
    "ionicity": "1 (0 neutral atoms, 1 ions of formal charge)",
    "angle_scale": "1",
    "b_iso": "Å²",
    "scale": "the images' unit per intensity of the beam",
    "background": "the images' unit",
    "network_mse": "1 (ρ in 0 … 1)",
    "network_range_ratio": "1",
    "pixel_size": "1/Å",
    "half_width": "1/a",
    "energy_kv": "kV",
    "g_max": "1/Å",
    "seconds": "s",
}


@dataclass(frozen=True)
class Identification:
    """Candidates for the crystal of some patterns.

    Attributes:
        observation: the patterns as they were compared.
        ranking: candidates by their agreement.
        verdict: what follows.
        first: the network's ranking, None without one.
        remarks: one line each on what was assumed, and what the network could not say.
        thickness: the least and the largest in nm that were tried.
        physics: of the finest calculation.
        total: structures of the sources, those of another cell edge among them.
        seconds: that it took.
    """

    observation: Observation
    ranking: Ranking
    verdict: Verdict
    first: FirstRanking | None
    remarks: list[str]
    thickness: tuple[float, float]
    physics: Physics
    total: int
    seconds: float

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One of each candidate, the likeliest first; units in `UNITS`."""
        known = seen_in_experiments()
        ranked = [*self.verdict.order, *self.ranking.others]
        return [
            {
                "rank": number,
                "name": one.crystal.name,
                "formula": one.crystal.formula,
                "space_group": one.crystal.space_group,
                "a": one.crystal.a,
                "from_experiment": is_known(one, known),
                "thickness": one.fit.thickness,
                "r": float(np.sqrt(1 - one.fit.unexplained)),
                "r_bright_field": _of_direct(self.observation, one),
                "unexplained": one.fit.unexplained,
                "blur": one.fit.blur,
                "b_factor": one.b_factor,
                "ionicity": one.ionicity,
                "angle_scale": one.fit.angle_scale,
                "checked": one.images is not None,
                "source": one.crystal.source,
            }
            for number, one in enumerate(ranked, 1)
        ]


def identify(
    pattern: np.ndarray | Measured,
    *,
    a: float | None = None,
    thickness: float | Sequence[float] | None = None,
    structures: str | Path | Sequence[str | Path | Crystal] = "standard",
    reflections: Sequence[Sequence[int]] = (DIRECT,),
    zone: Sequence[int] | None = None,
    x_axis: Sequence[int] | None = None,
    a_tolerance: float = A_TOLERANCE,
    predictor: Predictor | None = None,
    absorption: str = "tds",
    g_max: float = G_MAX,
    b_iso: float = B_ISO,
    best: int = BEST,
    limit: float | None = None,
    workers: int = 1,
    align: bool = True,
    told: Callable[[str], object] = lambda line: None,
    stage: Callable[[str, int, int], object] = lambda what, done, total: None,
    **known: Any,
) -> Identification:
    """Which known crystal gave a pattern, and at which thickness.

    Every candidate of the cell edge is calculated roughly at all thicknesses, with absorption and most beams by
    perturbation; the best ones with other B and as ions, then with all beams; those that agree about as well as the
    first with all pixels, a blur and another scale of the angles. Scale and background of each image are fitted.

    Args:
        pattern: (H, W) or, of several reflections, (R, H, W) intensities, NaN where a pixel has no value.
        a: cell edge in Å, to within a_tolerance (relative).
        thickness: in nm, to within 5 %; a least and a largest one; None: 20 to 200 nm.
        structures: crystals, or sources of known ones, see :func:`lacbed_gan.crystal.structures.structures`.
        reflections: hkl of each image.
        zone, x_axis: see :meth:`lacbed_gan.Crystal.along`; None: [001] of cubic crystals.
        predictor: an inverse network for a first ranking, where it knows such patterns.
        absorption: ``tds``, ``proportional`` or ``none``.
        g_max: cut-off of the beams of the finest calculation in 1/Å.
        b_iso: B in Å² of atoms for which a structure gives none.
        best: of how many candidates all beams count, at all pixels of those that agree about as well as the first.
        limit: share of variance beyond noise from which a candidate does not fit; None: see the verdict.
        workers: processes.
        align: whether the bright field tells centre, rotation and aperture where nobody says.
        told: is given a line on each step.
        stage: is given how candidates are being calculated, how many of them are done, and how many there are.
        known: what is known of the images, see :func:`lacbed_gan.images.calibration.calibrate`.

    Raises:
        UserError: the pattern cannot be used, or there is no candidate.
        FileNotFoundError: no such structures.
    """
    began = time.perf_counter()
    observation = observe(pattern, reflections, zone=zone, x_axis=x_axis, align=align, a=a, **known)
    least, largest = thickness_range(thickness)
    listed = [structures] if isinstance(structures, str | Path) else structures
    sources = [one if isinstance(one, Crystal) else str(one) for one in listed]
    edge = observation.calibration.a
    chosen = candidates(sources, edge, a_tolerance, b_iso=b_iso, zone=zone, x_axis=x_axis)
    if not chosen.crystals:
        raise UserError(_no_candidate(sources, edge, a_tolerance, chosen.left_out))
    told(f"{len(chosen.crystals)} candidates" + (f" with a = {edge:g} Å ± {a_tolerance:.1%}" if edge else ""))
    crystals, first, remarks = chosen.crystals, None, []
    if predictor is not None:
        reason = reason_against(predictor, observation, (least, largest))
        if reason is None:
            first = first_ranking(predictor, observation, crystals, (least, largest))
            crystals = [crystals[i] for i in first.order[:LISTED]]
            likely = ", ".join(conventional_formula(crystal.formula) for crystal in crystals[:5])
            told(f"the network's ρ is nearest to those of {likely}")
        else:
            remarks.append(f"no ranking by the network: {reason}")
    if len(crystals) > MOST:
        raise UserError(
            f"{len(crystals)} candidates would take hours; give a=… (Å), or structures=… of fewer"
            + ("" if first else ", or a thickness that the network knows")
        )
    physics = Physics(g_max, absorption, observation.energy_kv)
    ranking = rank(observation, crystals, (least, largest), physics, best=best, workers=workers, stage=stage)
    noise = float(ranking.compared.noise.mean())
    experimental = seen_in_experiments()
    verdict = judge(ranking.best, noise, lambda one: is_known(one, experimental), limit)
    remarks += [f"left out: {line}" for line in (*chosen.left_out, *ranking.left_out)[:20]]
    seconds = time.perf_counter() - began
    return Identification(
        observation, ranking, verdict, first, remarks, (least, largest), physics, chosen.total, seconds
    )


def is_known(one: Scored, experimental: Mapping[str, bool]) -> bool:
    """Whether a candidate is known from experiment, or the user's own."""
    return experimental.get(one.crystal.name, True)


def thickness_range(thickness: float | Sequence[float] | None) -> tuple[float, float]:
    """The least and the largest thickness in nm.

    Raises:
        UserError: not positive, or more than two.
    """
    values = [thickness] if isinstance(thickness, int | float) else list(thickness or THICKNESS)
    if len(values) > 2 or not all(np.isfinite(t) and t > 0 for t in values):
        raise UserError(f"thickness={thickness} is neither one positive number of nm nor a least and a largest one")
    if len(values) == 1:
        return values[0] * (1 - SPREAD), values[0] * (1 + SPREAD)
    return min(values), max(values)


def _of_direct(observation: Observation, one: Scored) -> float | None:
    if DIRECT not in observation.hkl:
        return None
    return float(one.fit.r[observation.hkl.index(DIRECT)])


def _no_candidate(sources: Sequence[str | Crystal], a: float | None, tolerance: float, left_out: Sequence[str]) -> str:
    names = [one for one in sources if isinstance(one, str)]
    where = ", ".join(names) or f"{len(sources)} crystals"
    if a is None or left_out:
        return f"structures={where}: none can be used" + (f"; {left_out[0]}" if left_out else "")
    more = "" if {*SETS} & {*names} else ", or structures=standard"
    return (
        f"structures={where}: none has a = {a:g} Å within {tolerance:.1%}; check a, or give a larger a_tolerance{more}"
    )
