"""Warnings of inputs that are unlike the training data: a line each, none where there is nothing to doubt."""

from __future__ import annotations

from collections.abc import Sequence

from lacbed_gan.images.preparation import Prepared

FAR = 3.0  # standard deviations of the training data from their mean
BROKEN = 0.01  # 1 − R of a pattern to its own mirror images; of training patterns it is 0
SLOPED = 0.5  # share of the difference that a plane makes up: it is the background
GRAINY = 0.5  # correlation of neighbouring pixels of the rest below which noise is what makes them differ
COVERED = 0.999  # of the angles that the network knows
SATURATED = 0.02  # of the pixels at the highest value


def condition_warnings(names: Sequence[str], values: Sequence[float], standardised: Sequence[float]) -> list[str]:
    """Of numbers that lie far outside of the training data.

    Args:
        names: what the numbers are, with their unit in brackets.
        standardised: in standard deviations of the training data from their mean, of the logarithms.
    """
    return [
        f"{name} is {value:.3g}, {abs(z):.1f} standard deviations from the mean of the training data"
        for name, value, z in zip(names, values, standardised, strict=True)
        if abs(z) > FAR
    ]


def distance_warnings(distance: float) -> list[str]:
    """Of an input far from all training inputs, in units of their usual distance from each other."""
    if distance <= 1:
        return []
    return [
        f"the nearest training input is {distance:.2g} times as far away as usual among them: the network has seen "
        "nothing like it"
    ]


def pattern_warnings(prepared: Prepared, masked: bool = False) -> list[str]:
    """Of each way in which a prepared pattern is unlike those of the training data.

    Args:
        masked: the network knows smaller windows.
    """
    lines = []
    if prepared.covered < COVERED and not masked:
        lines.append(
            f"the image covers {prepared.covered:.1%} of the angles that the network knows; the rest is taken from its "
            "mirror images, or goes on smoothly"
        )
    if prepared.asymmetry > BROKEN:
        lines.append(asymmetry_warning(prepared))
    if prepared.saturated > SATURATED:
        lines.append(f"{prepared.saturated:.0%} of the pixels have the highest value: the image is saturated")
    if prepared.defects:
        pixels = "1 hot or dead pixel was" if prepared.defects == 1 else f"{prepared.defects} hot or dead pixels were"
        lines.append(f"{pixels} left out")
    return lines


def asymmetry_warning(prepared: Prepared) -> str:
    """Why a pattern is not its own mirror image, by what the difference looks like."""
    symmetry = prepared.symmetry
    beginning = f"the pattern is not its own mirror image (1 − R = {symmetry.largest:.3f}), as all that the network "
    beginning += "has seen are: "
    if symmetry.slope > SLOPED:
        return beginning + "its background is brighter on one side"
    if symmetry.grain < GRAINY:
        return beginning + "it is noisy"
    if symmetry.turned > BROKEN:
        return beginning + "turned by 180° it is not the same either; check centre and zone axis"
    return beginning + "turned by 180° it is the same; check rotation and zone axis"
