"""Structure factors as an inverse network reads them from a bright field: where a fit of them begins."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lacbed_gan.base.errors import UserError
from lacbed_gan.diffraction.gradients.scattering import Scattering
from lacbed_gan.diffraction.potential import projected_potential
from lacbed_gan.images.felix_series import DIRECT
from lacbed_gan.measures.origin import aligned
from lacbed_gan.predict.observation import Observation
from lacbed_gan.predict.predictor import Predictor

# What the network may be off by: a share of each U, and one of the largest that falls off with |g| in 1/Å as atoms do.
SHARE, OF_LARGEST = 0.3, 0.03


def network_factors(predictor: Predictor, observation: Observation, scattering: Scattering, thickness: float) -> Tensor:
    """(M,) independent structure factors in 1/Å² of the network's ρ of the bright field.

    A pattern does not tell the origin of ρ: it is that one which fits the crystal's ρ best. The range of ρ is the
    crystal's where the network predicts none. A network that knows all thicknesses of a range is told the crystal's, in
    nm. One of another thickness takes a thin crystal for one whose potential is weaker, about in proportion: what it
    predicts is multiplied by its thickness over the crystal's.

    Raises:
        UserError: there is no bright field, or it lies otherwise than networks know.
    """
    if DIRECT not in observation.hkl or observation.half_width is None or observation.zone is not None:
        raise UserError("start=network needs the bright field of a cubic crystal along [001] whose a is known")
    image = np.where(observation.known, observation.images[observation.hkl.index(DIRECT)], np.nan)
    a = observation.calibration.a
    predictor = predictor.of([thickness])
    prediction = predictor.predict_potential(image, a, half_width=observation.half_width, align=False, fit=False)
    potential = torch.from_numpy(np.asarray(prediction.potential, dtype=np.float64))
    target = projected_potential(scattering.crystal, len(potential)).double()
    low, high = float(target.min()), float(target.max())
    span = prediction.span * predictor.thicknesses[0] / thickness if prediction.span else high - low
    (moved,) = aligned(((target - low) / (high - low))[None], potential[None])
    return scattering.of_potential(span * moved)


def prior_of(scattering: Scattering, start: Tensor) -> NDArray[np.float64]:
    """(M,) standard deviations in 1/Å² of what a network says."""
    size = start.abs().numpy()
    order = np.sqrt(scattering.projection.net.squared_length(scattering.independent.hk.numpy()))
    return np.asarray(SHARE * size + OF_LARGEST * size.max() * np.exp(-order), dtype=np.float64)
