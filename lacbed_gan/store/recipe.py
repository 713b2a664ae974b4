"""What a pair looks like: the one value that goes with a store, a checkpoint and a prediction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from lacbed_gan.diffraction.constants import G_MAX, HALF_WIDTH, RHO_G_MAX

METHODS = ("converged", "felix", "published")
SAMPLINGS = ("periodic", "endpoints")


@dataclass(frozen=True)
class Recipe:
    """The rule by which all pairs of a store are made; what it chose for one crystal stands in that crystal's line.

    The defaults are what pairs are unless they say otherwise: those of the shipped store.

    Attributes:
        size: pixels along an edge of both images.
        thickness: in nm, ascending or as given.
        method: ``converged`` or ``felix``; ``published`` for the published images, which FELIX made.
        energy_kv: of the beam, in kV.
        half_width: half an edge of the pattern, in lengths of the projection's shorter reciprocal vectors.
        g_max: cut-off of the beams in 1/Å, for ``converged``.
        felix_ranks: number of MPI processes of the FELIX run, for ``felix``.
        dark_field: reflections hk0 whose patterns are kept too.
        b_iso_default: B in Å² of atoms whose source gives none.
        rho_g_max: cut-off of the coefficients that make up ρ, in 1/Å.
        rho_sampling: ``periodic``, r = i/size, or ``endpoints``, r = i/(size − 1).
    """

    size: int
    thickness: tuple[float, ...]
    method: str = "converged"
    energy_kv: float = 200.0
    half_width: float = HALF_WIDTH
    g_max: float = G_MAX
    felix_ranks: int = 1
    dark_field: tuple[tuple[int, int], ...] = ()
    b_iso_default: float = 0.0
    rho_g_max: float = RHO_G_MAX
    rho_sampling: str = "periodic"

    @classmethod
    def of_meta(cls, meta: Mapping[str, Any]) -> Recipe:
        """That of a store, from its meta.json; what an older store does not say was the default then."""
        return cls.from_json(meta["settings"] | {name: meta[name] for name in ("size", "thickness")})

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Recipe:
        """From plain values, as `to_json` gives them; others than a recipe's are passed over."""
        known = {field.name: values[field.name] for field in fields(cls) if field.name in values}
        if known.get("method") == "published" and "rho_sampling" not in known:
            known["rho_sampling"] = "endpoints"
        known["thickness"] = tuple(float(one) for one in known["thickness"])
        known["dark_field"] = tuple((h, k) for h, k, *_ in known.get("dark_field", ()))
        return cls(**known)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self) | {"thickness": list(self.thickness), "dark_field": [list(g) for g in self.dark_field]}

    @property
    def periodic(self) -> bool:
        """Whether ρ is sampled at r = i/size, so that it goes on beyond its edges."""
        return self.rho_sampling == "periodic"

    def at(self, size: int) -> Recipe:
        """The same at another number of pixels: patterns span the same angles."""
        return replace(self, size=size)

    def potential_step(self, size: int) -> float:
        """Distance of two pixels of ρ in cell edges, where every n-th is left and `size` of them are."""
        return self.size / size / (self.size if self.periodic else self.size - 1)
