"""A hundred crystals of a table, drawn with seed 0, through the generator: what fails, symmetry, range, time.

``python experiments/simulator_speed/sample.py cubic.jsonl.gz size`` keeps nothing.
"""

from __future__ import annotations

import random
import sys
import time

import numpy as np
import torch

from lacbed_gan.crystal import CrystalError
from lacbed_gan.crystal.structures import structures
from lacbed_gan.diffraction.patterns import compute_patterns


def main(table: str, size: int) -> None:
    torch.set_num_threads(1)
    sample = random.Random(0).sample(list(structures(table)), 100)
    errors, seconds, asymmetry, failures = [], [], 0.0, 0
    for crystal in sample:
        if isinstance(crystal, CrystalError):
            failures += 1
            print(f"left out: {crystal}", flush=True)
            continue
        start = time.process_time()
        (patterns,) = compute_patterns([crystal], (50, 100, 150, 200), size)
        seconds.append(time.process_time() - start)
        if isinstance(patterns, ValueError):
            failures += 1
            print(f"left out: {crystal.name}: {patterns}", flush=True)
            continue
        images = patterns.intensity
        assert images.isfinite().all() and images.min() >= 0 and images.max() <= 1, crystal.name
        equal = [images.flip(1), images.flip(2)] + [images.mT] * (crystal.pattern_symmetry == "4mm")
        asymmetry = max(asymmetry, *(float((image - images).abs().max()) for image in equal))
        errors.append(patterns.error_rms)
        if len(seconds) % 10 == 0:
            print(f"{len(seconds)} crystals, {sum(seconds):.0f} core-seconds", flush=True)
    print(f"{size} × {size} pixels: {len(errors)} patterns, {failures} left out")
    print(
        f"core-seconds a crystal: median {np.median(seconds):.1f}, mean {np.mean(seconds):.1f}, most {max(seconds):.0f}"
    )
    print(f"largest difference of pixels that symmetry makes equal: {asymmetry:.1e}; all intensities in [0, 1]")
    print(
        f"rms error of the cut-off: median {np.median(errors):.2g}, 90 % below {np.quantile(errors, 0.9):.2g}, "
        f"largest {max(errors):.2g}"
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
