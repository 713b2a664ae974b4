"""Does the physics check tell right from wrong? The patterns of shipped crystals against their own ρ and another's.

    python experiments/physics_check/run.py

For each of 60 shipped crystals at 50 and 200 nm the check gets the stored pattern, and the stored ρ, or that of
a crystal drawn at random, with the range of ρ known to within the tenth that a network gets wrong. Prints and writes
results.md; about half an hour of one core.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lacbed_gan.base.files import write_atomically
from lacbed_gan.predict.physics_check import RIGHT, check_potential
from lacbed_gan.store.packed import open_store
from lacbed_gan.store.recipe import Recipe

CRYSTALS = 60
THICKNESSES = (50.0, 200.0)  # nm


def main() -> None:
    store = open_store("bundled")
    recipe = Recipe.of_meta(store.meta)
    rng = np.random.default_rng(0)
    rows = rng.permutation(len(store))[:CRYSTALS]
    others = rng.permutation(len(store))[:CRYSTALS]
    pairs = [(row, other) for row, other in zip(rows, others, strict=True) if row != other]
    residuals = {}
    for number, (row, other) in enumerate(pairs):
        a = store.index[row]["a"]
        for thickness in THICKNESSES:
            time = store.thickness.index(thickness)
            pattern = store.pattern[row][time : time + 1] / 255
            for name, source in (("own", row), ("another's", other)):
                entry = store.index[source]
                span = (entry["rho_max"] - entry["rho_min"]) * rng.uniform(0.9, 1.1)
                check = check_potential(store.potential[source] / 255, pattern, a, recipe, [thickness], span)
                residuals.setdefault((thickness, name), []).append(check.residual)
        print(number, store.index[row]["formula"], *(f"{part[-1]:.4f}" for part in residuals.values()), flush=True)
    lines = [f"| nm | ρ | median 1 − R | 95 % below | above {RIGHT} | crystals |", "|---" * 6 + "|"]
    for (thickness, name), values in residuals.items():
        flagged = np.mean(np.array(values) > RIGHT)
        lines.append(
            f"| {thickness:g} | {name} | {np.median(values):.5f} | {np.quantile(values, 0.95):.4f} "
            f"| {flagged:.0%} | {len(values)} |"
        )
    write_atomically(Path(__file__).with_name("results.md"), "\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
