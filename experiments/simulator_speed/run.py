"""Times the generator against dense eigen-solutions and the felix method; on a GPU also crystals per second.

``python experiments/simulator_speed/run.py [table]`` writes results.md and results.json beside this file. The table
(.jsonl or .jsonl.gz) is where a GPU's hundred crystals are drawn from; without one they are prototypes.
"""

from __future__ import annotations

import json
import math
import os
import random
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from lacbed_gan.crystal import Crystal
from lacbed_gan.crystal.catalogue import catalogue
from lacbed_gan.crystal.structures import structures
from lacbed_gan.diffraction.beams import Beams, select_beams
from lacbed_gan.diffraction.constants import G_MAX
from lacbed_gan.diffraction.dense import intensities as all_beams
from lacbed_gan.diffraction.felix import bright_field as felix
from lacbed_gan.diffraction.operators.blocks import Blocks
from lacbed_gan.diffraction.operators.folded_fourier import FoldedFourierOperator, strands
from lacbed_gan.diffraction.operators.half_fourier import HalfFourierOperator
from lacbed_gan.diffraction.operators.scaled_sectors import ScaledSectors
from lacbed_gan.diffraction.operators.sectors import SectorOperator
from lacbed_gan.diffraction.patterns import compute_patterns
from lacbed_gan.diffraction.projection import Projection
from lacbed_gan.diffraction.recursion.core import CoreRecursion, FoldedRecursion
from lacbed_gan.diffraction.recursion.lanes import ROWS
from lacbed_gan.diffraction.window import Window

HERE = Path(__file__).parent
CRYSTALS = ("GaAs", "SrTiO3", "spinel", "YAG")
SIZE, THICKNESS = 128, (50, 100, 150, 200)
DENSE_PIXELS = {"YAG": 6}  # 64 for the others: one of garnet's takes many seconds
FELIX_TILES = 4  # of the 64 tiles of 16 × 16 pixels that felix works on
CROSSOVER = ("Cu", "GaAs", "SrTiO3", "YAG", "sodalite")


def core_seconds(function: Callable) -> tuple[float, object]:
    """Processor time of a call with one thread, and its result."""
    start = time.process_time()
    result = function()
    return time.process_time() - start, result


def dense(beams: Beams, pixels: torch.Tensor) -> torch.Tensor:
    """Intensities (T, P) from all eigenvectors of the same beams, in float64, pixel by pixel."""
    k = torch.from_numpy(Window(SIZE).directions(beams.net, *pixels.T))
    return torch.cat([all_beams(beams.g, beams.coupling(), one[None], THICKNESS)[0] for one in k], 1)


def compare(crystal: Crystal) -> dict[str, float]:
    """Core-seconds of this generator, of dense eigen-solutions and of felix for one crystal, the latter scaled up."""
    beams = select_beams(Projection(crystal), G_MAX)
    ours, (patterns,) = core_seconds(lambda: compute_patterns([crystal], THICKNESS, SIZE))
    count = DENSE_PIXELS.get(crystal.name, 64)
    spread = torch.linspace(0, SIZE**2 - 1, count).long() * 127 % SIZE**2  # all over the pattern
    pixels = torch.stack([spread // SIZE, spread % SIZE], 1)
    eigen, expected = core_seconds(lambda: dense(beams, pixels))
    error = float((patterns.intensity[:, pixels[:, 0], pixels[:, 1]] - expected).abs().max())
    kx, ky = (k.view(SIZE, SIZE) for k in felix.incoming_beams(crystal, SIZE))
    corners = [(16 * i, 16 * (2 * i % 8)) for i in range(FELIX_TILES)]  # a quadrant holds all that differs
    tiles = [torch.cat([k[y : y + 16, x : x + 16].reshape(-1) for y, x in corners]) for k in (kx, ky)]
    whole = torch.zeros(len(tiles[0]), dtype=torch.bool)
    truncated, _ = core_seconds(lambda: felix.intensities(crystal, *tiles, THICKNESS, whole))
    return {
        "crystal": crystal.name,
        "a": crystal.a,
        "beams": len(beams),
        "core_seconds": ours,
        "dense_core_seconds": eigen * SIZE**2 / count,
        "felix_core_seconds": truncated * 64 / FELIX_TILES,
        "largest_difference_from_dense": error,
        "error_rms_of_cut_off": patterns.error_rms,
    }


def crossover(name: str) -> dict[str, float]:
    """Microseconds a pixel of one product with A in its forms, and of the products and transforms they replace."""
    beams = select_beams(Projection(catalogue()[name]), G_MAX)
    pixels = 128
    row: dict[str, float] = {"crystal": name, "beams": len(beams)}
    for kind, key in ((SectorOperator, "blocks_us"), (HalfFourierOperator, "half_fourier_us")):
        operator = kind([beams], torch.zeros(1, pixels, 2, dtype=torch.float64))
        v, out = torch.randn_like(operator.start()), operator.start()
        row[key] = microseconds(lambda: operator.add_to(out, v), pixels)  # noqa: B023
    if strands(beams):
        folded = FoldedRecursion(
            FoldedFourierOperator(beams), torch.zeros(1, pixels, 2, dtype=torch.float64), len(beams)
        )
        row["folded_step_us"] = microseconds(lambda: folded.advance(folded.steps + 1), pixels)
    blocks = Blocks(beams, ROWS)
    core = CoreRecursion(blocks, torch.zeros(1, pixels, 2, dtype=torch.float64))
    row["core_step_us"] = microseconds(lambda: core.advance(core.steps + 10), 10 * pixels)
    row["core_gflops"] = 2e-3 * int((blocks.sectors[:, 1] ** 2).sum()) / row["core_step_us"]
    matrix, v = torch.randn(len(beams), len(beams)), torch.randn(len(beams), pixels)
    row["dense_us"] = microseconds(lambda: torch.mm(matrix, v), pixels)
    reach = int(abs(beams.lattice.coordinates(beams.hk)).max())
    side = next(n for n in range(4 * reach + 1, 9 * reach) if _smooth(n))  # keeps all differences of beams apart
    grid = torch.randn(pixels, side, side)
    kernel = torch.fft.rfft2(grid[0])
    row["fft_us"] = microseconds(lambda: torch.fft.irfft2(torch.fft.rfft2(grid) * kernel, s=(side, side)), pixels)
    return row


def microseconds(function: Callable, pixels: int) -> float:
    return min(core_seconds(function)[0] for _ in range(10)) / pixels * 1e6


def _smooth(n: int) -> bool:
    for prime in (2, 3, 5):
        while n % prime == 0:
            n //= prime
    return n == 1


def on_a_gpu(table: str | None) -> dict[str, float]:
    """Crystals per second over a hundred crystals, and the share of the GPU's arithmetic that their products take."""
    found = [c for c in structures(table or "prototypes", None if table else 100, 0) if isinstance(c, Crystal)]
    crystals = random.Random(0).sample(found, 100)
    operations = 0
    advance = ScaledSectors.advance

    def counted(self: ScaledSectors, w: torch.Tensor, v: torch.Tensor, products: torch.Tensor) -> None:
        nonlocal operations
        operations += 2 * v.numel() * v.shape[2]  # (C, 4, R, P): a matrix of R × R for each crystal and sector
        advance(self, w, v, products)

    compute_patterns(crystals[:8], THICKNESS, SIZE, device="cuda")  # warm
    ScaledSectors.advance = counted
    start = time.perf_counter()
    compute_patterns(crystals, THICKNESS, SIZE, device="cuda")
    torch.cuda.synchronize()
    seconds = time.perf_counter() - start
    ScaledSectors.advance = advance
    a, b = torch.randn(2, 8192, 8192, device="cuda").unbind(0)
    best = float("inf")
    for _ in range(5):
        torch.cuda.synchronize()
        started = time.perf_counter()
        a @ b
        torch.cuda.synchronize()
        best = min(best, time.perf_counter() - started)
    peak = 2 * 8192**3 / best
    return {
        "gpu": torch.cuda.get_device_name(),
        "crystals_per_second": len(crystals) / seconds,
        "minutes_for_14270": 14270 * seconds / len(crystals) / 60,
        "share_of_float32_matrix_product_limit": operations / seconds / peak,
    }


def main() -> None:
    torch.set_num_threads(1)
    results = {"compared": [compare(catalogue()[name]) for name in CRYSTALS]}
    results["peak_memory_gib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    results["products"] = [crossover(name) for name in CROSSOVER]
    if torch.cuda.is_available():
        results["gpu"] = on_a_gpu(sys.argv[1] if len(sys.argv) > 1 else None)
    (HERE / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    text = table(results)
    (HERE / "results.md").write_text(text)
    print(text)


def table(results: dict) -> str:
    """results.md"""
    lines = [
        f"PyTorch {torch.__version__}, one thread of {os.uname().machine}; {SIZE} × {SIZE} pixels, thicknesses "
        f"{', '.join(map(str, THICKNESS))} nm, g_max {G_MAX} 1/Å, B = 0.",
        "",
        "| crystal | a in Å | beams | converged, core-s | dense eigen-solutions | ratio | felix | ratio "
        "| largest difference from dense | rms error of the cut-off |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in results["compared"]:
        ours, eigen, truncated = (row[f"{key}core_seconds"] for key in ("", "dense_", "felix_"))
        lines.append(
            f"| {row['crystal']} | {row['a']:g} | {row['beams']} | {ours:.1f} | {eigen:.0f} | {eigen / ours:.0f} "
            f"| {truncated:.0f} | {truncated / ours:.1f} | {row['largest_difference_from_dense']:.1e} "
            f"| {row['error_rms_of_cut_off']:.4f} |"
        )
    lines += ["", f"Peak memory of all of this: {results['peak_memory_gib']:.2f} GiB.", ""]
    lines += [
        "| crystal | beams | step of a core with blocks, µs | products in it, Gflop/s | folded "
        "| product: four blocks of one size | half-Fourier | one matrix | 2D FFT |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in results["products"]:
        lines.append(
            f"| {row['crystal']} | {row['beams']} | {row['core_step_us']:.2f} | {row['core_gflops']:.0f} "
            f"| {row.get('folded_step_us', math.nan):.1f} | {row['blocks_us']:.1f} | {row['half_fourier_us']:.1f} "
            f"| {row['dense_us']:.1f} | {row['fft_us']:.1f} |"
        )
    gpu = results.get("gpu")
    lines += ["", "| GPU | crystals per second | 14,270 crystals | share of the float32 matrix-product limit |"]
    lines.append("|---|---|---|---|")
    if gpu:
        lines.append(
            f"| {gpu['gpu']} | {gpu['crystals_per_second']:.2f} | {gpu['minutes_for_14270']:.0f} min "
            f"| {gpu['share_of_float32_matrix_product_limit']:.2f} |"
        )
    else:
        lines.append("| – | not measured: `make bench` on a machine with a GPU | not measured | not measured |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
