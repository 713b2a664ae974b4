"""The networks that answer on the page."""

from __future__ import annotations

from dataclasses import dataclass

from lacbed_gan.base.errors import SettingsError
from lacbed_gan.crystal.catalogue import catalogue
from lacbed_gan.predict.loading import load
from lacbed_gan.predict.predictor import Predictor


@dataclass(frozen=True)
class Networks:
    """One network of each direction."""

    forward: Predictor
    inverse: Predictor


def load_networks(forward: str | None = None, inverse: str | None = None) -> Networks:
    """The networks of two files, the shipped ones unless given, after a first prediction, which takes the longest.

    Raises:
        SettingsError: a network is of the other direction.
        WeightsError: a file cannot be used.
    """
    predictors = []
    for direction, checkpoint in (("forward", forward), ("inverse", inverse)):
        predictor = load(checkpoint, direction)
        if predictor.direction != direction:
            right = predictor.direction
            raise SettingsError(f"{direction}={checkpoint} is of direction={right}; give it as {right}=…")
        predictors.append(predictor)
    networks = Networks(*predictors)
    crystal = catalogue()["Si"]
    pattern = networks.forward.predict_patterns(crystal).pattern[:1]
    networks.inverse.predict_potential(pattern.repeat(networks.inverse.images, 0), crystal.a, fit=False)
    return networks
