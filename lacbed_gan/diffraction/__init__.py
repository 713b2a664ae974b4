"""Projected potentials and LACBED patterns of crystals seen along a zone axis."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lacbed_gan.diffraction.fields import bright_field, dark_field
    from lacbed_gan.diffraction.gradients.scattering import Scattering
    from lacbed_gan.diffraction.potential import projected_potential

# Imported when first used: the constants of a recipe are needed where PyTorch, which takes seconds, is not.
_HOMES = {
    "Scattering": "lacbed_gan.diffraction.gradients.scattering",
    "bright_field": "lacbed_gan.diffraction.fields",
    "dark_field": "lacbed_gan.diffraction.fields",
    "projected_potential": "lacbed_gan.diffraction.potential",
}
__all__ = ["Scattering", "bright_field", "dark_field", "projected_potential"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
