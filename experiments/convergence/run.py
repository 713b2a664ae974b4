"""How far patterns are from convergence in g_max, and FELIX's from the converged ones: prints two tables."""

import time
from dataclasses import replace

import numpy as np
import torch

from lacbed_gan.crystal.catalogue import catalogue
from lacbed_gan.diffraction import bright_field
from lacbed_gan.diffraction.patterns import compute_patterns

THICKNESS = (50, 100, 150, 200)
CRYSTALS = ("Cu", "GaAs", "SrTiO3")
CUT_OFFS = (3.0, 3.5, 4.25, 5.0, 6.0)


def methods() -> None:
    """Other cut-off and other method against the default, pixel by pixel."""
    print("| crystal | compared with converged, g_max 4.25 1/Å | rms at 50 / 100 / 150 / 200 nm | maximum |")
    print("|---|---|---|---|")
    for name in CRYSTALS:
        crystal = catalogue()[name]
        reference = bright_field(crystal, THICKNESS)
        others = {
            "converged, g_max 5 1/Å": bright_field(crystal, THICKNESS, g_max=5.0),
            "felix": bright_field(crystal, THICKNESS, method="felix"),
        }
        for what, pattern in others.items():
            difference = pattern - reference
            rms = " / ".join(f"{x:.4f}" for x in difference.square().mean((1, 2)).sqrt())
            print(f"| {name} | {what} | {rms} | {difference.abs().max():.3f} |", flush=True)


def cut_offs() -> None:
    """The estimate of the error that a store keeps, and the time, at several cut-offs, without and with vibration."""
    print("| crystal | B in Å² | " + " | ".join(f"g_max {g:g} 1/Å" for g in CUT_OFFS) + " |")
    print("|---|---|" + "---|" * len(CUT_OFFS))
    for name in CRYSTALS:
        for b in (0.0, 0.5):
            still = catalogue()[name]
            crystal = replace(still, b_iso=np.full(len(still.elements), b))
            cells, first = [], None
            for g_max in CUT_OFFS:
                start = time.process_time()
                (patterns,) = compute_patterns([crystal], THICKNESS, 64, g_max=g_max)
                seconds = time.process_time() - start
                first = first or seconds
                cells.append(f"{patterns.error_rms:.4f} ({seconds / first:.1f})")
            print(f"| {name} | {b:g} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    cut_offs()
    methods()
