"""Refine the structure factors of a crystal whose cell and symmetry are known, from what a network reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lacbed_gan.base.files import write_atomically
from lacbed_gan.base.tables import to_csv
from lacbed_gan.crystal.crystal import Crystal
from lacbed_gan.diffraction.gradients.scattering import Scattering
from lacbed_gan.predict.identification.candidates import with_plausible_b
from lacbed_gan.predict.observation import Observation
from lacbed_gan.predict.predictor import Predictor
from lacbed_gan.predict.refinement.factor_images import Images
from lacbed_gan.predict.refinement.free_factors import STAGES, FreeFit, fit_factors
from lacbed_gan.predict.refinement.network_start import network_factors, prior_of

PIXELS = 2000  # that are fitted at last, of all angles alike
LEAST_NOISE = 1e-4  # share of variance, where images show none


@dataclass(frozen=True)
class FactorRefinement:
    """Structure factors of a pattern.

    Attributes:
        scattering: of the crystal.
        start: (M,) in 1/Å², what the network read.
        fit: what came out.
    """

    scattering: Scattering
    start: Tensor
    fit: FreeFit


def refine_factors(
    observation: Observation,
    crystal: Crystal,
    thickness: float,
    predictor: Predictor,
    *,
    absorption: str = "tds",
    g_max: float = 2.0,
    b_iso: float = 0.6,
    told: Callable[[str], object] = lambda line: None,
) -> FactorRefinement:
    """Fit U_hk up to 2.6 1/Å, and the thickness. Centre, rotation and blur are not fitted.

    Args:
        observation: a bright field, and dark fields where there are some.
        crystal: its cell, symmetry and B are used, and the place of its origin.
        thickness: in nm, to about 3 nm.
        predictor: an inverse network.
        absorption, g_max, b_iso: see :func:`lacbed_gan.refine`.

    Raises:
        UserError: no bright field, a crystal that is not cubic along [001], or a forbidden reflection.
    """
    crystal = with_plausible_b(crystal.seen(observation.zone, observation.x_axis), b_iso)
    scattering = Scattering(crystal, g_max, observation.energy_kv, absorption)
    start = network_factors(predictor, observation, scattering, thickness)
    places = np.flatnonzero(observation.known)
    places = np.random.default_rng(0).choice(places, min(PIXELS, len(places)), replace=False)
    k = observation.window(crystal).directions(scattering.projection.net, places // observation.size,
                                               places % observation.size)  # fmt: skip
    measured = observation.images.reshape(len(observation.hkl), -1)[:, places]
    spread = measured.std(1) * np.sqrt(np.maximum(observation.noise, LEAST_NOISE))
    images = Images(observation.hkl, torch.from_numpy(k), measured, np.repeat(spread[:, None], len(places), 1))
    fit = fit_factors(scattering, start, prior_of(scattering, start), thickness, images, told)
    return FactorRefinement(scattering, start, fit)


def rows_of(result: FactorRefinement) -> list[dict[str, Any]]:
    """One of each fitted structure factor, by rising |g|."""
    scattering, fit = result.scattering, result.fit
    order = np.sqrt(scattering.projection.net.squared_length(scattering.independent.hk.numpy()))
    atoms = scattering.of_sites().detach().numpy()
    return [
        {
            "h": int(h),
            "k": int(k),
            "g (1/Å)": float(order[i]),
            "U (1/Å²)": float(fit.u[i]),
            "standard error (1/Å²)": float(fit.errors[i]),
            "of the network (1/Å²)": float(result.start[i]),
            "of neutral atoms (1/Å²)": float(atoms[i]),
        }
        for i, (h, k) in enumerate(scattering.independent.hk.tolist())
        if order[i] <= STAGES[-1][0] and np.isfinite(fit.errors[i])
    ]


def save_factors(result: FactorRefinement, folder: Path, stem: str) -> None:
    """<stem>_structure_factors.csv and <stem>.json."""
    folder.mkdir(parents=True, exist_ok=True)
    fit = result.fit
    write_atomically(folder / f"{stem}_structure_factors.csv", to_csv(rows_of(result)))
    numbers = {
        "formula": result.scattering.crystal.formula,
        "thickness": fit.thickness,
        "thickness_error": fit.thickness_error,
        "chi2": fit.chi2,
        "trusted": not fit.doubts,
        "doubts": fit.doubts,
        "starts": fit.tries,
        "structure_factors": rows_of(result),
        "units": {"thickness": "nm", "thickness_error": "nm", "chi2": "1 (mean squared residual, noise being 1)"},
    }
    write_atomically(folder / f"{stem}.json", json.dumps(numbers, indent=1, ensure_ascii=False) + "\n")


def lines(result: FactorRefinement, count: int = 12) -> list[str]:
    """The shortest structure factors, thickness, and whether to trust them, for a terminal."""
    fit = result.fit
    text = [f"thickness {fit.thickness:.2f} ± {fit.thickness_error:.2f} nm, χ² over that of noise {fit.chi2:.3g}"]
    for row in rows_of(result)[:count]:
        value, error, before, atoms = list(row.values())[3:]
        text.append(
            f"U of {row['h']} {row['k']}: {value:8.5f} ± {error:.5f} 1/Å² (network {before:.5f}, neutral atoms "
            f"{atoms:.5f})"
        )
    return [*text, *(f"not to be trusted: {line}" for line in fit.doubts)]
