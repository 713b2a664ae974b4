"""Warnings of inputs that are unlike the training data: a line each, none where there is nothing to doubt."""

from __future__ import annotations

from collections.abc import Sequence

from lacbed_gan.images.preparation import Prepared

FAR = 3.0  # standard deviations of the training data from their mean
BROKEN = 0.01  # 1 − R of a pattern to its own mirror images; of training patterns it is 0
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


def pattern_warnings(prepared: Prepared) -> list[str]:
    """Of each way in which a prepared pattern is unlike those of the training data."""
    lines = []
    if prepared.covered < COVERED:
        lines.append(
            f"the image covers {prepared.covered:.0%} of the angles that the network knows; the rest is taken from its "
            "mirror images, or is their mean"
        )
    if prepared.asymmetry > BROKEN:
        lines.append(
            f"the pattern is not its own mirror image (1 − R = {prepared.asymmetry:.3f}), as all that the network has "
            "seen are; check rotation, centre and zone axis"
        )
    if prepared.saturated > SATURATED:
        lines.append(f"{prepared.saturated:.0%} of the pixels have the highest value: the image is saturated")
    return lines
