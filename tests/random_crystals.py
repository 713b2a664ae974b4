"""Random crystals of all settings along random zones: their patterns, and the same crystals in other cells."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import gemmi
import numpy as np

import lacbed_gan as lg
from lacbed_gan.crystal.cell import cell_of
from lacbed_gan.crystal.orbits import seitz

GROUPS = [*gemmi.spacegroup_table()]  # every setting that gemmi knows
ELEMENTS = ("C", "O", "Si", "Ti", "Cu", "Sr", "I", "Au")
PERMUTED = np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])
DESCRIPTIONS = ("symbol", "operations", "hall", "list", "permuted", "primitive", "supercell")
TOLERANCES = {"none": 1e-4, "proportional": 1e-3}  # of what makes an intensity leave [0, 1]


@dataclass(frozen=True)
class Sample:
    """A crystal, its asymmetric unit in the axes of its group, and a direction in those axes."""

    group: gemmi.SpaceGroup
    cell: tuple[float, ...]
    sites: list[lg.Site]
    crystal: lg.Crystal

    @classmethod
    def draw(cls, group: gemmi.SpaceGroup, random: np.random.Generator) -> Sample:
        """One or two sites anywhere, on a mirror line or at the origin; B or a tensor; a random direction."""
        cell = _cell(group, random)
        while True:
            sites = [_site(random) for _ in range(random.integers(1, 3))]
            try:
                crystal = lg.Crystal.from_sites("random", group.xhm(), cell if group.number < 195 else cell[0], sites)
            except lg.CrystalError:
                continue  # atoms that overlap
            zone = (0, 0, 0)
            while not any(zone):
                zone = tuple(random.integers(-3, 4, 3).tolist())
            return cls(group, cell, sites, crystal.along(zone))

    def cif(self, description: str) -> tuple[str, np.ndarray]:
        """A CIF, and the axes that it is in as columns in those of the crystal."""
        if description in DESCRIPTIONS[:3]:
            statement = {
                "symbol": f"_space_group_name_H-M_alt '{self.group.xhm()}'",
                "hall": f"_space_group_name_Hall '{self.group.hall}'",
                "operations": "loop_\n_space_group_symop_operation_xyz\n"
                + "\n".join(f"'{op.triplet()}'" for op in self.group.operations()),
            }[description]
            return _text(statement, self.cell, self.sites), np.linalg.inv(self.crystal.basis.matrix)
        axes = {"list": np.eye(3), "permuted": PERMUTED, "supercell": np.diag([2.0, 1, 1])}.get(description)
        axes = _primitive(self.crystal) if axes is None else axes
        copies = [*itertools.product((0.0, 1.0), repeat=3)] if description == "supercell" else [(0.0, 0.0, 0.0)]
        one = self.crystal
        atoms: dict[tuple[object, ...], lg.Site] = {}
        for element, xyz, b, share in zip(one.elements, one.positions, one.b_iso, one.occupancy, strict=True):
            for copy in copies:
                x = np.linalg.solve(axes, xyz + copy) % 1
                x[np.abs(x - 1) < 1e-6] = 0
                site = lg.Site(element, tuple(x.tolist()), float(share), float(b))
                atoms.setdefault((element, *np.round(x, 5).tolist()), site)
        return _text("_space_group_name_H-M_alt 'P 1'", cell_of(axes.T @ one.lattice), [*atoms.values()]), axes

    def zone_in(self, other: lg.Crystal, axes: np.ndarray) -> lg.Crystal:
        """The crystal of a CIF of `cif` along the same direction, with the same x axis."""
        zone = np.linalg.solve(axes, np.array(self.crystal.view.uvw, dtype=float))
        x = np.array(self.crystal.view.x_axis) @ axes
        return other.along(_whole(zone), _whole(x))


@dataclass
class Tally:
    """What became of crystals."""

    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    largest: dict[str, float] = field(default_factory=dict)

    def add(self, kind: str, fault: str = "", difference: float = 0.0) -> None:
        self.counts[kind] += 1
        self.largest[kind] = max(difference, self.largest.get(kind, 0.0))
        if fault:
            self.faults.append(f"{kind}: {fault}")


def check_pattern(sample: Sample, random: np.random.Generator, tally: Tally) -> None:
    """No error, intensities in [0, 1], with absorption too, and a two-fold axis."""
    kind = sample.group.crystal_system_str()
    absorption = "proportional" if random.random() < 0.1 else "none"
    window = {"window": "1/Å", "half_width": 0.6} if random.random() < 0.5 else {"half_width": 2.0}
    where = f"{sample.group.xhm()} {sample.cell} along {sample.crystal.view.uvw} {absorption} {window}"
    try:
        image = lg.bright_field(sample.crystal, (80,), 5, g_max=1.0, absorption=absorption, **window).numpy()[0]
    except Exception as error:
        tally.add(kind, f"{where}: {type(error).__name__}: {error}")
        return
    outside = max(0.0, -float(image.min()), float(image.max()) - 1)
    asymmetry = float(np.abs(image - image[::-1, ::-1]).max())
    fault = where if not (outside <= 0 and asymmetry <= TOLERANCES[absorption]) else ""
    tally.add(kind, fault, max(outside, asymmetry))


def check_descriptions(sample: Sample, folder: Path, tally: Tally, which: tuple[str, ...] = DESCRIPTIONS) -> None:
    """The pattern in 1/Å of the crystal that is read from each description is that of the crystal."""
    options = {"window": "1/Å", "half_width": 0.5, "g_max": 1.0}
    expected = lg.bright_field(sample.crystal, (60,), 4, **options)
    path = folder / "x.cif"
    for description in which:
        text, axes = sample.cif(description)
        path.write_text(text)
        where = f"{sample.group.xhm()} {sample.cell} along {sample.crystal.view.uvw}"
        try:
            other = sample.zone_in(lg.Crystal.from_cif(path), axes)
            difference = float((lg.bright_field(other, (60,), 4, **options) - expected).abs().max())
        except Exception as error:
            tally.add(description, f"{where}: {type(error).__name__}: {error}")
            continue
        tally.add(description, where if difference > 1e-5 else "", difference)


def _cell(group: gemmi.SpaceGroup, random: np.random.Generator) -> tuple[float, ...]:
    """A cell of the group with edges of some Å and angles of no needles."""
    rotations = seitz(group.operations())[0]
    for _ in range(200):
        vectors = random.normal(size=(3, 3)) + 2 * np.eye(3)
        metric = (np.swapaxes(rotations, 1, 2) @ (vectors @ vectors.T) @ rotations).mean(0)
        vectors = np.linalg.cholesky(metric)
        vectors *= (random.uniform(40, 120) / np.prod(np.diag(vectors))) ** (1 / 3)
        cell = cell_of(vectors)
        if min(cell[:3]) > 2.5 and max(cell[:3]) < 10 and all(50 < x < 130 for x in cell[3:]):
            break
    return (*(round(x, 4) for x in cell[:3]), *(round(x, 2) for x in cell[3:]))


def _site(random: np.random.Generator) -> lg.Site:
    x, y, z = random.uniform(0, 1, 3).round(4).tolist()
    position = [(x, y, z), (x, x, z), (x, 0.0, 0.0), (0.0, 0.0, z), (0.0, 0.0, 0.0)][random.integers(5)]
    return lg.Site(str(random.choice(ELEMENTS)), position, 1.0, round(float(random.uniform(0.3, 1.5)), 2))


def _text(statement: str, cell: tuple[float, ...], sites: list[lg.Site]) -> str:
    edges = "".join(f"_cell_length_{name} {x:.8f}\n" for name, x in zip("abc", cell[:3], strict=True))
    angles = "".join(f"_cell_angle_{n} {x:.8f}\n" for n, x in zip(("alpha", "beta", "gamma"), cell[3:], strict=True))
    tags = ("label", "type_symbol", "fract_x", "fract_y", "fract_z", "occupancy", "B_iso_or_equiv")
    loop = "loop_\n" + "".join(f"_atom_site_{tag}\n" for tag in tags)
    for number, site in enumerate(sites):
        xyz = " ".join(f"{x:.7f}" for x in site.position)
        loop += f"{site.element}{number} {site.element} {xyz} {site.occupancy:g} {site.b_iso}\n"
    return f"data_x\n{edges}{angles}{statement}\n{loop}"


def _primitive(crystal: lg.Crystal) -> np.ndarray:
    """(3, 3) short axes of a primitive cell as columns, right-handed."""
    operations = map(gemmi.Op, crystal.operations)
    points = {tuple(op.tran) for op in operations if op.rot == gemmi.Op().rot}
    vectors = [np.array(p) / gemmi.Op.DEN for p in points if any(p)] + [*np.eye(3)]
    near = [v + np.array(shift) for v in vectors for shift in itertools.product((-1, 0), repeat=3)]
    near = sorted((v for v in near if v.any()), key=lambda v: np.linalg.norm(v @ crystal.lattice))[:40]
    best = min(
        (axes for axes in itertools.combinations(near, 3) if abs(abs(np.linalg.det(axes)) * len(points) - 1) < 1e-6),
        key=lambda axes: sum(np.linalg.norm(v @ crystal.lattice) for v in axes),
    )
    matrix = np.array(best).T
    return matrix if np.linalg.det(matrix) > 0 else -matrix


def _whole(values: np.ndarray) -> tuple[int, ...]:
    """Whole numbers in the same ratios."""
    for factor in range(1, 13):
        scaled = values * factor
        if np.abs(scaled - np.rint(scaled)).max() < 1e-4:
            return tuple(np.rint(scaled).astype(int).tolist())
    raise AssertionError(values)
