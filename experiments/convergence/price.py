"""What `g_max=auto` costs beside the same cut-off told: python experiments/convergence/price.py [COUNT]

GaAs, spinel, SrTiO3 and COUNT (12) crystals of the shipped set with B = 0.5 Å², 128 × 128 pixels, four thicknesses, one
thread, seconds of the processor, each the best of two.
"""

from __future__ import annotations

import sys
import time

import torch

from lacbed_gan.crystal.catalogue import catalogue
from lacbed_gan.crystal.structures import structures
from lacbed_gan.diffraction.cut_off import AutoCutOff
from lacbed_gan.diffraction.patterns import Patterns, compute_patterns

TOLERANCE, THICKNESS, B_ISO = 0.02, (50, 100, 150, 200), 0.5


def timed(crystal, g_max: float | AutoCutOff) -> tuple[Patterns, float]:
    seconds = []
    for _ in range(2):
        began = time.process_time()
        (patterns,) = compute_patterns([crystal], THICKNESS, 128, g_max=g_max)
        seconds.append(time.process_time() - began)
    return patterns, min(seconds)


def main() -> None:
    torch.set_num_threads(1)
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 12
    crystals = [catalogue()[name] for name in ("GaAs", "spinel", "SrTiO3")] + list(structures("bundled", count, seed=3))
    compute_patterns(crystals[:1], (50,), 16, g_max=1.5)  # compiles
    print("| crystal | g_max chosen (1/Å) | error, rms | auto (s) | told (s) | ratio |\n|---|---|---|---|---|---|")
    total = [0.0, 0.0]
    for crystal in (each.with_default_b_iso(B_ISO) for each in crystals):
        patterns, auto = timed(crystal, AutoCutOff(TOLERANCE))
        _, told = timed(crystal, patterns.g_max or 0.0)
        total = [total[0] + auto, total[1] + told]
        numbers = f"{patterns.g_max:.2f} | {patterns.error_rms:.4f} | {auto:.2f} | {told:.2f} | {auto / told:.2f}"
        print(f"| {crystal.formula} | {numbers} |", flush=True)
    print(f"| all | | | {total[0]:.1f} | {total[1]:.1f} | {total[0] / total[1]:.3f} |")


if __name__ == "__main__":
    main()
