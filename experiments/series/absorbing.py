"""Pairs with absorption for a part of the shipped crystals, and whether a rule makes them from those without.

    python experiments/series/absorbing.py 400 stores/tds

So many of the shipped crystals from the 37th on (before them stand large cells, one a space group), 32 × 32 pixels, 50
nm, beams to 2.25 1/Å, with and without absorption by thermal diffuse scattering. Writes the store of those with it, and
what rules of damping leave of the difference into results.json.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from lacbed_gan.base.files import write_atomically
from lacbed_gan.crystal import Crystal
from lacbed_gan.crystal.structures import structures
from lacbed_gan.crystal.vibration import DrawnB
from lacbed_gan.diffraction.window import Window
from lacbed_gan.images.scaling import min_max, to_uint8
from lacbed_gan.store.making import compute
from lacbed_gan.store.recipe import Recipe
from lacbed_gan.store.writer import StoreWriter

RESULTS = Path(__file__).parent / "results.json"
LARGE = 36
B = DrawnB(0.2, 1.2)
PLAIN = Recipe(32, (50.0,), g_max=2.25, b_iso_default=B)
ABSORBING = Recipe(32, (50.0,), g_max=2.25, b_iso_default=B, absorption="tds")
Images = NDArray[np.float64]


def features(patterns: Images) -> list[Images]:
    """What a rule may be made of: powers of the pattern, its mean over neighbours, and angle (N, n, n)."""
    axis = Window(patterns.shape[-1]).axis
    square = axis[:, None] ** 2 + axis**2  # reciprocal lattice units
    near, far = (np.exp(-square / width) + 0 * patterns for width in (4, 25))
    mean = np.stack([gaussian_filter(image, 2) for image in patterns])
    one = np.ones_like(patterns)
    return [one, patterns, patterns**2, near, far, patterns * near, patterns * far, mean, patterns * mean, mean * far]


def left(plain: Images, absorbing: Images, numbers: int, own: bool) -> float:
    """MSE of the last third by linear rules of so many features, one of the others for all, or the best of each."""
    parts, difference = features(plain)[:numbers], absorbing - plain
    test = range(2 * len(plain) // 3, len(plain))
    errors = []
    everything = slice(0, test.start)
    for i in test:
        rows = slice(i, i + 1) if own else everything
        if own or i == test.start:
            matrix = np.stack([part[rows].ravel() for part in parts], 1)
            rule = np.linalg.lstsq(matrix, difference[rows].ravel(), rcond=None)[0]
        answer = plain[i] + sum(weight * part[i] for weight, part in zip(rule, parts, strict=True))
        errors.append(np.square(answer - absorbing[i]).mean())
    return float(np.mean(errors))


def main() -> None:
    count, folder = int(sys.argv[1]), Path(sys.argv[2])
    torch.set_num_threads(1)
    crystals = [c for c in structures("bundled", 1000, 0, B) if isinstance(c, Crystal)][LARGE : LARGE + count]
    plain, absorbing = [], []
    with StoreWriter(folder, ABSORBING.size, ABSORBING.thickness, ABSORBING.settings) as writer:
        for crystal in crystals:
            pairs: list[Any] = [compute([crystal], recipe)[0] for recipe in (PLAIN, ABSORBING)]
            if any(isinstance(pair, ValueError) for pair in pairs):
                print(f"left out: {pairs}")
                continue
            plain.append(pairs[0].intensity[0])
            absorbing.append(pairs[1].intensity[0])
            writer.append(pairs[1].entry(crystal), to_uint8(pairs[1].potential), to_uint8(pairs[1].intensity))
            if len(plain) % 20 == 0:
                print(f"{len(plain)} of {count}", flush=True)
        writer.finish()
    before, after = (min_max(np.stack(images).astype(np.float64)) for images in (plain, absorbing))
    test = slice(2 * len(before) // 3, None)
    row = {
        "crystals": len(before),
        "variance": float(before[test].var((1, 2)).mean()),
        "highest_intensity": [float(np.stack(images)[test].max((1, 2)).mean()) for images in (plain, absorbing)],
        "mse": float(np.square(before - after)[test].mean()),
        "one_rule": {n: left(before, after, n, own=False) for n in (2, 3, 7, 10)},
        "a_rule_each": {n: left(before, after, n, own=True) for n in (2, 3, 7, 10)},
    }
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    write_atomically(RESULTS, json.dumps(results | {"absorption": row}, indent=1) + "\n")
    print(json.dumps(row, indent=1))


if __name__ == "__main__":
    main()
