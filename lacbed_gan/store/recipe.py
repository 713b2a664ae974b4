"""What a pair looks like: the one value that goes with a store, a checkpoint and a prediction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from lacbed_gan.crystal.vibration import DrawnB
from lacbed_gan.diffraction.constants import ABSORPTION_RATIO, ABSORPTIONS, G_MAX, HALF_WIDTH, RHO_G_MAX, WINDOWS
from lacbed_gan.diffraction.cut_off import AutoCutOff

if TYPE_CHECKING:
    from lacbed_gan.diffraction.window import Window

METHODS = ("converged", "felix", "published")
SAMPLINGS = ("periodic", "endpoints")
USUAL_G_MAX = 3.0  # 1/Å, where vibrating atoms scatter little beyond
USUAL_B = 0.5  # Å², of a crystal whose own is not known


Indices = tuple[int, ...]


@dataclass(frozen=True)
class Recipe:
    """The rule by which all pairs of a store are made; what it chose for one crystal stands in that crystal's line.

    The defaults are what pairs are unless they say otherwise: those of the shipped store.

    Attributes:
        size: pixels along an edge of both images.
        thickness: in nm, ascending or as given.
        method: ``converged`` or ``felix``; ``published`` for the published images, which FELIX made.
        g_max: cut-off of the beams in 1/Å, for ``converged``; one for all crystals or chosen for each.
        energy_kv: of the beam, in kV.
        half_width: half an edge of the pattern, in units of the reciprocal vectors b₁ and b₂ (1/a for cubic [001]), or
            in `window_unit`.
        felix_ranks: number of MPI processes of the FELIX run, for ``felix``.
        dark_field: reflections hk0 or hkl whose patterns are kept too.
        absorption: ``none``, ``proportional`` or ``tds``, for ``converged``.
        absorption_ratio: U′/U of ``proportional``.
        b_iso_default: B in Å² of atoms whose source gives none, one for all crystals or drawn for each.
        rho_g_max: cut-off of the coefficients that make up ρ, in 1/Å.
        rho_sampling: ``periodic``, r = i/size, or ``endpoints``, r = i/(size − 1).
        zone: directions uvw that every crystal is seen along, one pair for each; none where each is seen as its source
            says, which is [001] unless it says another.
        x_axis: reflection that is along x, with one zone; none for the shortest.
        window_unit: of the pattern's window, ``reciprocal``, ``1/Å`` or ``mrad``.
    """

    size: int
    thickness: tuple[float, ...]
    method: str = "converged"
    g_max: float | AutoCutOff = G_MAX
    energy_kv: float = 200.0
    half_width: float = HALF_WIDTH
    felix_ranks: int = 1
    dark_field: tuple[Indices, ...] = ()
    absorption: str = "none"
    absorption_ratio: float = ABSORPTION_RATIO
    b_iso_default: float | DrawnB = 0.0
    rho_g_max: float = RHO_G_MAX
    rho_sampling: str = "periodic"
    zone: tuple[Indices, ...] = ()
    x_axis: Indices = ()
    window_unit: str = "reciprocal"

    @classmethod
    def of_meta(cls, meta: Mapping[str, Any]) -> Recipe:
        """That of a store, from its meta.json; what an older store does not say was the default then."""
        return cls.from_json(meta["settings"] | {name: meta[name] for name in ("size", "thickness")})

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Recipe:
        """From plain values, as `to_json` gives them; others than a recipe's are passed over.

        Raises:
            ValueError: a value is of the wrong type; the message is its name.
        """
        known = {field.name: values[field.name] for field in fields(cls) if field.name in values}
        if known.get("method") == "published" and "rho_sampling" not in known:
            known["rho_sampling"] = "endpoints"
        for name, allowed in CHOICES.items():
            if known.get(name, allowed[0]) not in allowed:
                raise ValueError(name)
        for name in known.keys() - {*CHOICES, "thickness", "dark_field", "zone", "x_axis"}:
            rule = RULES.get(name)
            if rule and isinstance(known[name], Mapping):
                known[name] = _rule(rule, known[name], name)
            elif not _number(known[name]):
                raise ValueError(name)
        for name, kind in (("thickness", float), ("dark_field", shortened), ("zone", _whole), ("x_axis", int)):
            try:
                known[name] = tuple(map(kind, known.get(name, ())))
            except (TypeError, ValueError):
                raise ValueError(name) from None
        return cls(**known)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; of absorption, zone and window only where there is some, so that files are as before."""
        values = asdict(self) | {"thickness": list(self.thickness), "dark_field": [list(g) for g in self.dark_field]}
        values |= {"zone": [list(uvw) for uvw in self.zone], "x_axis": list(self.x_axis)}
        if self.absorption != "proportional":
            del values["absorption_ratio"]
        usual = {"absorption": "none", "zone": [], "x_axis": [], "window_unit": WINDOWS[0]}
        return {name: value for name, value in values.items() if name not in usual or value != usual[name]}

    @property
    def settings(self) -> dict[str, Any]:
        """What meta.json has in ``settings``; size and thickness stand beside them."""
        return {name: value for name, value in self.to_json().items() if name not in ("size", "thickness")}

    @property
    def window(self) -> Window:
        """The directions of a pattern's pixels."""
        from lacbed_gan.diffraction.window import Window  # torch, where directions are wanted

        return Window.of(self.size, self.half_width, self.window_unit, self.energy_kv)

    def __str__(self) -> str:
        unit = "/a" if self.window_unit == "reciprocal" else self.window_unit
        reach = self.g_max if isinstance(self.g_max, AutoCutOff) else f"to {self.g_max:g} 1/Å"
        beams = f", beams {reach}" if self.method == "converged" else ""
        if self.absorption != "none":
            ratio = f" {self.absorption_ratio:g}" if self.absorption == "proportional" else ""
            beams += f", absorption {self.absorption}{ratio}"
        places = f"to {self.rho_g_max:g} 1/Å at r = i/{self.size if self.periodic else self.size - 1}"
        drawn = isinstance(self.b_iso_default, DrawnB)
        displacement = self.b_iso_default if drawn else f"B = {self.b_iso_default:g} Å²"
        return (
            f"{self.method}, {self.energy_kv:g} kV, angles to ±{self.half_width:g} {unit}{beams}; ρ {places}; "
            f"{displacement} where none is given"
        )

    @property
    def periodic(self) -> bool:
        """Whether ρ is sampled at r = i/size, so that it goes on beyond its edges."""
        return self.rho_sampling == "periodic"

    @property
    def b_iso_of_prediction(self) -> float:
        """B in Å² of the atoms of a crystal to predict for which none is given.

        Where the pairs have one for all crystals without, the network knows no other; where it was drawn, `USUAL_B`.
        """
        return USUAL_B if isinstance(self.b_iso_default, DrawnB) else self.b_iso_default

    @property
    def usual_g_max(self) -> float:
        """Cut-off of the beams in 1/Å where there is no crystal to choose it for."""
        return USUAL_G_MAX if isinstance(self.g_max, AutoCutOff) else self.g_max

    def potential_step(self, size: int) -> float:
        """Distance of two pixels of ρ in cell edges, where every n-th is left and `size` of them are."""
        return self.size / size / (self.size if self.periodic else self.size - 1)


CHOICES = {"method": METHODS, "rho_sampling": SAMPLINGS, "absorption": ABSORPTIONS, "window_unit": WINDOWS}
RULES = {"b_iso_default": DrawnB, "g_max": AutoCutOff}  # what may stand in place of a number, as a mapping in JSON


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _rule(kind: type, values: Mapping[str, Any], name: str) -> Any:
    if set(values) != {field.name for field in fields(kind)} or not all(map(_number, values.values())):
        raise ValueError(name)
    return kind(**values)


def _whole(value: Any) -> Indices:
    return tuple(int(x) for x in value)


def shortened(value: Any) -> Indices:
    """Indices of a reflection, three or four whole numbers, or the first two of one hk0."""
    h, k, *others = _whole(value)
    return (h, k, *others) if any(others[-1:]) or len(others) > 1 else (h, k)
