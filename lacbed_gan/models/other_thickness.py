"""An inverse network of one thickness at another one.

In forward scattering at small angles the pattern depends on t·U/K and t·(|g|² + 2 k·g)/K alone. Over a window in units
of 1/a, a crystal of cell edge a and potential U has at thickness t the pattern that one of a·√(t₀/t) and U·t/t₀ has at
t₀, with ρ of the same shape. A network that was trained so on patterns of many thicknesses reads all between them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def thickness_range(config: Mapping[str, Any]) -> tuple[float, float] | None:
    """Least and largest thickness in nm of such a network, by the config of its weights; None of any other."""
    ends = config["data"].get("thickness_range")
    return None if ends is None else (float(ends[0]), float(ends[1]))


def at_thickness(config: Mapping[str, Any], thickness: float) -> dict[str, Any]:
    """The config of the same network for patterns of another thickness in nm.

    What crystals it was trained on stays what it was, ``crystals`` beside ``standardisation``.

    Raises:
        ValueError: it is no network of several, or the thickness is beyond them.
    """
    ends, known = thickness_range(config), config["settings"]["thickness"]
    if ends is None:
        raise ValueError(f"the network knows {', '.join(f'{nm:g}' for nm in known)} nm alone")
    if not ends[0] <= thickness <= ends[1]:
        raise ValueError(f"thickness={thickness:g} nm: the network knows {ends[0]:g} to {ends[1]:g} nm")
    longer = math.log(thickness / known[0])
    data = config["data"]
    moments = {name: list(pair) for name, pair in data["standardisation"].items()}
    crystals = data.get("crystals", data["standardisation"])
    for name, power in (("log_a", 0.5), ("log_span", -1.0)):
        if name in moments:
            moments[name][0] += power * longer
    settings = {**config["settings"], "thickness": [float(thickness)]}
    return {**config, "settings": settings, "data": {**data, "standardisation": moments, "crystals": crystals}}
