"""The table of known structures that fits begin from: python experiments/weights/known.py

Made of `lacbed_gan/crystal/open_structures/cubic.jsonl.gz`, in a few minutes of a core.
"""

from __future__ import annotations

import gzip

import numpy as np

from lacbed_gan.crystal.crystal import CrystalError
from lacbed_gan.crystal.open_databases import STRUCTURES
from lacbed_gan.crystal.tables import crystal_of_line
from lacbed_gan.predict.pattern_fit.known import TABLE, KnownStructures, place_of

COLUMNS = ("line", "formula", "a", "fourfold", "symmetry", "place", "low")
KINDS = (np.int32, np.str_, np.float32, np.bool_, np.uint8, np.uint8, np.int8)


def main() -> None:
    rows = []
    with gzip.open(STRUCTURES) as file:
        for number, line in enumerate(file):
            crystal = crystal_of_line(line, f"line {number + 1}")
            found = None if isinstance(crystal, CrystalError) else place_of(crystal)
            if isinstance(crystal, CrystalError) or found is None:
                print(f"line {number + 1} is left out")
                continue
            rows.append((number, crystal.formula, crystal.a, crystal.pattern_symmetry == "4mm", *found))
    arrays = [np.array(column, dtype=kind) for column, kind in zip(zip(*rows, strict=True), KINDS, strict=True)]
    KnownStructures(**dict(zip(COLUMNS, arrays, strict=True))).save(TABLE)
    print(f"{len(rows)} structures, {TABLE.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
