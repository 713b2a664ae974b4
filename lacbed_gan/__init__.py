"""Pairs of projected crystal potentials and bright-field LACBED patterns, and conditional GANs between them.

>>> import lacbed_gan as lg
>>> crystal = lg.Crystal.from_sites("Si", "F d -3 m:1", 5.43, [lg.Site("Si", (0, 0, 0))])
>>> lg.projected_potential(crystal, size=16).shape
torch.Size([16, 16])
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lacbed_gan.crystal import Crystal, CrystalError, Site
    from lacbed_gan.data.datamodule import PairDataModule
    from lacbed_gan.diffraction import Scattering, bright_field, dark_field, projected_potential
    from lacbed_gan.models.directions import ForwardCGAN, InverseCGAN
    from lacbed_gan.predict.identification.identification import identify
    from lacbed_gan.predict.loading import load
    from lacbed_gan.predict.observation import observe
    from lacbed_gan.predict.predictor import Predictor
    from lacbed_gan.predict.refinement.refinement import refine
    from lacbed_gan.predict.trust import TrustWarning

# Where each name is defined: imported when it is first used, because PyTorch takes seconds.
_HOMES = {
    "Crystal": "lacbed_gan.crystal",
    "CrystalError": "lacbed_gan.crystal",
    "Site": "lacbed_gan.crystal",
    "Scattering": "lacbed_gan.diffraction",
    "bright_field": "lacbed_gan.diffraction",
    "dark_field": "lacbed_gan.diffraction",
    "projected_potential": "lacbed_gan.diffraction",
    "ForwardCGAN": "lacbed_gan.models.directions",
    "InverseCGAN": "lacbed_gan.models.directions",
    "PairDataModule": "lacbed_gan.data.datamodule",
    "Predictor": "lacbed_gan.predict.predictor",
    "TrustWarning": "lacbed_gan.predict.trust",
    "load": "lacbed_gan.predict.loading",
    "identify": "lacbed_gan.predict.identification.identification",
    "observe": "lacbed_gan.predict.observation",
    "refine": "lacbed_gan.predict.refinement.refinement",
}
__all__ = [
    "Crystal",
    "CrystalError",
    "ForwardCGAN",
    "InverseCGAN",
    "PairDataModule",
    "Predictor",
    "Scattering",
    "Site",
    "TrustWarning",
    "bright_field",
    "dark_field",
    "identify",
    "load",
    "observe",
    "projected_potential",
    "refine",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
