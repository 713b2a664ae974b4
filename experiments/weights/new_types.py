"""Tables of crystals of types that do not exist, to train on: sites of known structures put together anew.

    python experiments/weights/new_types.py 12000 900 3 stores/types.jsonl.gz

Count, the most beams, a seed, the table. What an inverse network gets wrong are crystals of types that few or no others
have, and `variants.py` makes no new types. Each crystal here has the space group of a known one to train on
(`crystals.py`), every known type equally often; one to four sites of different structures of that space group, moved
by about 2 % of a where the symmetry lets them; and elements, light ones alone in every other crystal. Its volume is
that of a known structure, scaled by the covalent radii of the atoms, give or take 10 % of a, and no two atoms are
nearer than 0.65 of their radii. At most eight crystals have nearly the same sites.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from typing import Any

import gemmi
import numpy as np
from crystals import VARIANT, beams, rows_of, write
from numpy.typing import NDArray
from variants import LEAST, LIGHT

Array = NDArray[np.float64]
LARGEST = 1700.0  # beams of the structures that sites are taken of
MOVED = 0.02  # of a
NEAREST = 0.65  # of the sum of two covalent radii
SITES = (1, 2, 3, 4)
SHARES = (0.1, 0.35, 0.35, 0.2)
STRETCH, MOST = 0.1, 8  # of a, and crystals of nearly the same places
SAME = 1e-3  # of a, up to which two places are one


def radius(element: str) -> float:
    return gemmi.Element(element).covalent_r


class SpaceGroup:
    """Rotations (N, 3, 3) and translations (N, 3) of all its operations."""

    def __init__(self, hm: str):
        seitz = np.array([op.seitz() for op in gemmi.SpaceGroup(hm).operations()], dtype=float)
        self.rotations, self.translations = seitz[:, :3, :3], seitz[:, :3, 3]

    def images(self, xyz: Array) -> Array:
        return self.rotations @ xyz + self.translations

    def moved(self, xyz: Array, by: Array) -> Array:
        """A place moved as far as its site symmetry stays what it is."""
        off = self.images(xyz) - xyz
        stay = np.abs(off - np.rint(off)).max(1) < SAME
        return xyz + self.rotations[stay].mean(0) @ by

    def orbit(self, xyz: Array) -> Array:
        places = np.mod(np.rint(self.images(xyz) / SAME), round(1 / SAME)) * SAME
        return np.unique(places, axis=0)


def distances(first: Array, second: Array) -> Array:
    """(N, M) in cell edges."""
    off = first[:, None] - second
    return np.asarray(np.linalg.norm(off - np.rint(off), axis=-1))


def atoms_of(group: SpaceGroup, row: dict[str, Any]) -> tuple[Array, Array]:
    """Places (N, 3) and covalent radii (N,)."""
    orbits = [group.orbit(np.array(site[1:4])) for site in row["sites"]]
    radii = [np.full(len(orbit), radius(site[0])) for orbit, site in zip(orbits, row["sites"], strict=True)]
    return np.concatenate(orbits), np.concatenate(radii)


def fits(places: Array, radii: Array, a: float) -> bool:
    apart = a * distances(places, places) + 99 * np.eye(len(places))
    return bool((apart > NEAREST * (radii[:, None] + radii)).all())


def main() -> None:
    count, most, seed, output = sys.argv[1:]
    known = [row for row in rows_of("train", LARGEST) if not {"H", "D"} & {site[0] for site in row["sites"]}]
    groups = {hm: SpaceGroup(hm) for hm in {row["hm"] for row in known}}
    types, same_group = defaultdict(list), defaultdict(list)
    for row in known:
        types[row["hm"], row["n"], len(row["sites"])].append(row)
        same_group[row["hm"]].append(row)
    of_type = list(types.values())
    seen = Counter(site[0] for row in known for site in row["sites"])
    shares = np.array(list(seen.values())) / seen.total()
    random = np.random.default_rng(int(seed))
    rows: list[dict[str, Any]] = []
    made: Counter[tuple[Any, ...]] = Counter()
    while len(rows) < int(count):
        of_one = of_type[random.integers(len(of_type))]
        like = of_one[random.integers(len(of_one))]
        group, others = groups[like["hm"]], same_group[like["hm"]]
        number = random.choice(SITES, p=SHARES)
        light = bool(random.random() < 0.5)
        elements = random.choice(LIGHT if light else list(seen), number, replace=False, p=None if light else shares)
        sites = []
        for element in map(str, elements):
            other = others[random.integers(len(others))]["sites"]
            place = np.array(other[random.integers(len(other))][1:4])
            place = np.mod(group.moved(place, MOVED * random.normal(size=3)), 1).round(5)
            sites.append([element, *place.tolist(), 1.0, None])
        places, radii = atoms_of(group, {"sites": sites})
        _, usual = atoms_of(group, like)
        kind = like["hm"], *sorted(tuple(np.rint(20 * np.array(site[1:4])).astype(int)) for site in sites)
        a = random.uniform(1 - STRETCH, 1 + STRETCH) * like["a"] * ((radii**3).sum() / (usual**3).sum()) ** (1 / 3)
        row = like | {"a": round(a, 4), "n": len(places), "sites": sites}
        if made[kind] < MOST and a >= LEAST and beams(row) <= float(most) and fits(places, radii, a):
            made[kind] += 1
            name = f"{seed}.{len(rows)}"  # a formula of its own: none is in two folds
            rows.append(row | {"id": f"{VARIANT}{name}", "formula": f"variant {name}"})
    write(rows, output)


if __name__ == "__main__":
    main()
