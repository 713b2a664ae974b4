"""Where the seconds of a pattern go on one core, and how near its products come to what a core can multiply.

``python experiments/simulator_speed/roofline.py`` prints, of some crystals with g_max = 3 1/Å and B = 0.5 Å², Gflop/s
of the products of the blocks by a library alone and of whole steps of the recursion, of which only the products are
counted; and the shares of a pattern of 64 × 64 pixels and four thicknesses.
"""

from __future__ import annotations

import cProfile
import pstats
import time
from collections.abc import Callable

import torch

from lacbed_gan.crystal.catalogue import catalogue
from lacbed_gan.diffraction.beams import select_beams
from lacbed_gan.diffraction.operators.blocks import Blocks
from lacbed_gan.diffraction.patterns import compute_patterns
from lacbed_gan.diffraction.projection import Projection
from lacbed_gan.diffraction.recursion.core import CoreRecursion
from lacbed_gan.diffraction.recursion.lanes import ROWS

CRYSTALS, PIXELS, STEPS = ("Cu", "GaAs", "spinel", "SrTiO3", "YAG"), 256, 20
PARTS = {"advance": "recursion", "moments": "moments", "chebyshev_series": "series", "spectral_range": "bounds"}


def seconds(function: Callable[[], object]) -> float:
    """The least processor time of several calls."""
    times = []
    for _ in range(8):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return min(times)


def rates(name: str) -> tuple[int, float, float]:
    """Beams, and Gflop/s of a library's products and of steps."""
    beams = select_beams(Projection(catalogue()[name].with_default_b_iso(0.5)), 3.0)
    blocks = Blocks(beams, ROWS)
    sizes = blocks.sectors[:, 1].tolist()
    flops = 2e-9 * PIXELS * STEPS * sum(size**2 for size in sizes)
    operands = [(torch.randn(PIXELS, n), torch.randn(n, n), torch.empty(PIXELS, n)) for n in sizes]

    def products() -> None:
        for _ in range(STEPS):
            for v, matrix, out in operands:
                torch.mm(v, matrix, out=out)

    core = CoreRecursion(blocks, 0.5 * torch.rand(1, PIXELS, 2, dtype=torch.float64))
    return len(beams), flops / seconds(products), flops / seconds(lambda: core.advance(core.steps + STEPS))


def shares(name: str) -> tuple[float, dict[str, float]]:
    """Seconds of a pattern, and what its parts take of them."""
    crystal = catalogue()[name].with_default_b_iso(0.5)

    def pattern() -> None:
        compute_patterns([crystal], (50, 100, 150, 200), 64, g_max=3.0)

    total = seconds(pattern)
    profile = cProfile.Profile(time.process_time)
    profile.runcall(pattern)
    stats = pstats.Stats(profile)
    of_all = dict.fromkeys(PARTS.values(), 0.0)
    for (file, _, function), (*_, own, cumulative, _) in stats.stats.items():
        if "recursion" in file and function in PARTS:
            compiled = function in ("advance", "moments")
            of_all[PARTS[function]] += (own if compiled else cumulative) / stats.total_tt
    return total, of_all


def main() -> None:
    torch.set_num_threads(1)
    print("| crystal | beams | products by a library, Gflop/s | whole steps | pattern, core-s | recursion | moments |")
    for name in CRYSTALS:
        beams, library, steps = rates(name)
        total, parts = shares(name)
        shown = " | ".join(f"{part} {100 * share:.0f} %" for part, share in parts.items())
        print(f"| {name} | {beams} | {library:.0f} | {steps:.0f} | {total:.3f} | {shown} |", flush=True)


if __name__ == "__main__":
    main()
