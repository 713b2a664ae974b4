"""Projected potentials and bright-field LACBED patterns of cubic crystals seen along [001]."""

from lacbed_gan.diffraction.bright_field import bright_field
from lacbed_gan.diffraction.potential import projected_potential

__all__ = ["bright_field", "projected_potential"]
