"""Crystal structures: CIF files, the catalogue and prototypes, and electron form factors."""

from lacbed_gan.crystal.crystal import Crystal, CrystalError, Site

__all__ = ["Crystal", "CrystalError", "Site"]
