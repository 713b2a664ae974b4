"""Numbers of a crystal beside its images: what networks are given, or asked for, as standardised logarithms."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from lacbed_gan.base.errors import SettingsError

# Name of a natural logarithm → what it is of, with its unit, and how a line of a store's index tells it.
QUANTITIES: dict[str, tuple[str, Callable[[Mapping[str, Any]], float]]] = {
    # Of the net that a pair is drawn in; entries of cubic crystals along [001] do not say it.
    "log_b1": ("|b₁| (1/Å)", lambda entry: entry["b1"] if "b1" in entry else 1 / entry["a"]),
    "log_b2": ("|b₂| (1/Å)", lambda entry: entry["b2"] if "b2" in entry else 1 / entry["a"]),
    "log_angle": ("the angle between b₁ and b₂ (°)", lambda entry: entry.get("angle", 90.0)),
    "log_a": ("a (Å)", lambda entry: entry["a"]),
    "log_span": ("the range of ρ (1/Å²)", lambda entry: entry["rho_max"] - entry["rho_min"]),
}
MEASURED = ("thickness", "whether it is told", "window")  # given of each measured pattern, see `measuring.known`
NET = ("log_b1", "log_b2", "log_angle")
# Conditions as words.
SHORTHAND = {"none": (), "cell": ("log_a",), "scale": ("log_a", "log_span"), "net": (*NET, "log_span")}


def condition_names(condition: str | Iterable[str]) -> tuple[str, ...]:
    """The names that a word of `SHORTHAND` stands for, or names themselves.

    Raises:
        SettingsError: another word or name.
    """
    names = SHORTHAND.get(condition) if isinstance(condition, str) else tuple(condition)
    if names is None or not set(names) <= set(QUANTITIES):
        word = condition if isinstance(condition, str) else ",".join(map(str, condition))
        raise SettingsError(f"condition={word}: choose from {', '.join(SHORTHAND)}, or of {', '.join(QUANTITIES)}")
    return names


def quantity(name: str, entry: Mapping[str, Any]) -> float:
    """The logarithm of that name of a crystal, from its line in a store's index; nan where the line does not tell."""
    try:
        return math.log(QUANTITIES[name][1](entry))
    except (TypeError, ValueError):  # null, or no positive number
        return math.nan


def standardised(
    names: Sequence[str],
    index: Sequence[Mapping[str, Any]],
    rows: np.ndarray,
    moments: Mapping[str, Sequence[float]] | None = None,
) -> tuple[np.ndarray, dict[str, list[float]]]:
    """Quantities of all crystals in standard deviations from their mean over the training rows.

    Args:
        names: C of `QUANTITIES`.
        index: the N lines of a store's index.
        rows: (n,) int64, those of training.
        moments: mean and standard deviation by name, for names that have others than those of training.

    Returns:
        (N, C) float32, and mean and standard deviation of the logarithm by name.

    Raises:
        SettingsError: a line does not tell one of them.
    """
    values = np.array([[quantity(name, entry) for name in names] for entry in index]).reshape(len(index), len(names))
    unknown = np.flatnonzero(np.isnan(values).any(1))
    if len(unknown):
        what = " and ".join(QUANTITIES[name][0] for name in names)
        raise SettingsError(
            f"networks that are given or asked for {what} need it of every crystal, and the store lacks it for "
            f"{index[unknown[0]]['id']}"
        )
    mean, std = values[rows].mean(0), values[rows].std(0)
    std[std == 0] = 1.0  # one value for all of them tells nothing
    for column, name in enumerate(names):
        if name in (moments or {}):
            mean[column], std[column] = moments[name]
    moments = {name: [float(m), float(s)] for name, m, s in zip(names, mean, std, strict=True)}
    return ((values - mean) / std).astype(np.float32), moments


def thickness_number(thickness: float) -> float:
    """What stands for a thickness (nm) in a network of several: a number of order one."""
    return thickness / 100 - 1
