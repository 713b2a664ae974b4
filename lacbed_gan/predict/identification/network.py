"""What a network makes of a pattern, as a first ranking of known structures: seconds instead of minutes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from lacbed_gan.crystal.crystal import Crystal
from lacbed_gan.diffraction.potential import projected_potential
from lacbed_gan.images.felix_series import DIRECT
from lacbed_gan.images.scaling import min_max
from lacbed_gan.measures.origin import origin_mse
from lacbed_gan.predict.observation import Observation
from lacbed_gan.predict.prediction import PotentialPrediction
from lacbed_gan.predict.predictor import Predictor

SIZE = 32  # pixels along an edge at which ρ are compared
RANGE = 0.15  # of the logarithm of ρ's range: an error of a network that counts as much as `ERROR`
ERROR = 0.01  # mean squared, of ρ
SAME_THICKNESS = 0.06  # relative: a network is asked about patterns of its own thickness alone
AT_ONCE = 256


@dataclass(frozen=True)
class FirstRanking:
    """Candidates by the ρ that a network reads from the bright field.

    Attributes:
        order: indices of the candidates, the likeliest first.
        mse: (N,) of each candidate's ρ to the predicted one, at the best origin.
        range_ratio: (N,) range of each candidate's ρ over the predicted one; ones where the network predicts none.
        prediction: the network's answer.
    """

    order: NDArray[np.int64]
    mse: NDArray[np.float64]
    range_ratio: NDArray[np.float64]
    prediction: PotentialPrediction


def reason_against(predictor: Predictor, observation: Observation, thickness: tuple[float, float]) -> str | None:
    """Why the network cannot say anything about the pattern; None where it can."""
    if predictor.direction != "inverse":
        return f"the network is of direction={predictor.direction}"
    if DIRECT not in observation.hkl:
        return "there is no bright field"
    if observation.zone is not None or (observation.half_width is None and predictor.needs_a):
        return "the network knows cubic crystals along [001] of a known cell edge alone"
    if predictor.images > 1:
        return f"the network takes {predictor.images} patterns together"
    least, largest = predictor.between or (min(predictor.thicknesses), max(predictor.thicknesses))
    low, high = least * (1 - SAME_THICKNESS), largest * (1 + SAME_THICKNESS)
    if not all(low <= t <= high for t in thickness):
        return f"the network knows {_text((least, largest))}, and the thickness of the pattern is {_text(thickness)}"
    if predictor.between and not predictor.measured and not _told(thickness):
        return f"the network has to be told the thickness, which is {_text(thickness)}"
    if abs(observation.energy_kv - predictor.recipe.energy_kv) > 0.5:
        return f"the network knows {predictor.recipe.energy_kv:g} kV"
    return None


def first_ranking(
    predictor: Predictor, observation: Observation, crystals: Sequence[Crystal], thickness: tuple[float, float]
) -> FirstRanking:
    """Rank candidates by the network's ρ of the bright field.

    Args:
        thickness: least and largest in nm; networks that know all of a range are told the middle, if these are near.

    Raises:
        UserError: the network cannot take the pattern.
    """
    image = observation.images[observation.hkl.index(DIRECT)]
    image = np.where(observation.known, image, np.nan)
    a = observation.calibration.a
    told = float(np.clip(np.mean(thickness), *predictor.between)) if predictor.between and _told(thickness) else None
    prediction = predictor.predict_potential(
        image, a, half_width=observation.half_width, align=False, thickness=told, fit=False
    )
    step = max(1, prediction.potential.shape[-1] // SIZE)
    predicted = torch.from_numpy(min_max(prediction.potential[::step, ::step])).float()
    images, spans = zip(*(_potential(crystal, len(predicted)) for crystal in crystals), strict=True)
    mse = torch.cat(
        [origin_mse(predicted.expand_as(part), part) for part in torch.split(torch.stack(images), AT_ONCE)]
    ).numpy()
    ratio = np.ones(len(crystals)) if prediction.span is None else np.array(spans) / prediction.span
    order = np.argsort(mse / ERROR + (np.log(ratio) / RANGE) ** 2, kind="stable")
    return FirstRanking(order, mse.astype(np.float64), ratio, prediction)


def _potential(crystal: Crystal, size: int) -> tuple[torch.Tensor, float]:
    """ρ in [0, 1], every so many of its pixels, and its range in 1/Å²."""
    rho = projected_potential(crystal, 2 * size)
    low, high = float(rho.min()), float(rho.max())
    return ((rho - low) / max(high - low, 1e-12))[::2, ::2].float(), high - low


def _told(thickness: tuple[float, float]) -> bool:
    """Whether one value in nm says it all."""
    return thickness[1] / thickness[0] - 1 <= 2 * SAME_THICKNESS


def _text(thickness: tuple[float, float]) -> str:
    low, high = thickness
    return f"{low:g} nm" if low == high else f"between {low:g} and {high:g} nm"
