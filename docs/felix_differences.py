"""FELIX's own intensities (tests/data/felix) against converged ones at the same pixels: the figures of felix.md.

python docs/felix_differences.py
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lacbed_gan import Crystal
from lacbed_gan.diffraction.beams import select_beams
from lacbed_gan.diffraction.constants import G_MAX
from lacbed_gan.diffraction.felix import bright_field as felix
from lacbed_gan.diffraction.projection import Projection
from lacbed_gan.diffraction.recursion.converged import intensities

DATA = Path(__file__).parents[1] / "tests" / "data" / "felix"
THICKNESS = (50, 100, 150, 200)
HEADER = "| crystal | a (Å) | pool | quarter | beams | 50 nm | 200 nm | largest | half lost |"


def pixels(name: str, prefix: str = "") -> tuple[Crystal, Tensor, Tensor, np.ndarray]:
    """A crystal, k_x and k_y (P,) in 1/Å of the pixels kept of it, and FELIX's intensities (4, P) there.

    Args:
        prefix: "other_" for what every MPI rank but the first writes.
    """
    stored = np.load(DATA / f"{name}.npz")
    crystal = Crystal.from_cif(DATA / f"{name}.cif")
    size, places = int(stored[f"{prefix}size"]), stored[f"{prefix}pixels"].astype(int)
    chosen = torch.from_numpy(places[:, 0] * size + places[:, 1])
    kx, ky = (k[chosen] for k in felix.incoming_beams(crystal, size))
    return crystal, kx, ky, stored[f"{prefix}patterns"]


def from_converged(name: str) -> np.ndarray:
    """(4, P) FELIX's intensities less the converged ones."""
    crystal, kx, ky, found = pixels(name)
    exact, _ = intensities([select_beams(Projection(crystal), G_MAX)], torch.stack([kx, ky], -1)[None], THICKNESS)
    return found - exact[0, 0].numpy()


def by_ranks(name: str) -> np.ndarray:
    """(4, P) what FELIX's other ranks write less what its first rank would have written."""
    crystal, kx, ky, found = pixels(name, "other_")
    return found - felix.intensities(crystal, kx, ky, THICKNESS, torch.zeros(len(kx), dtype=torch.bool)).numpy()


def rms(values: np.ndarray) -> str:
    return f"{np.sqrt((values**2).mean()):.3f}"


def row(name: str) -> str:
    """One line of the table."""
    crystal = Crystal.from_cif(DATA / f"{name}.cif")
    stored = np.load(DATA / f"{name}.npz")
    pool, beams = len(stored["pool"]), len(select_beams(Projection(crystal), G_MAX))
    difference = from_converged(name)
    lost = rms(by_ranks(name)[-1]) if "other_patterns" in stored else "–"
    errors = rms(difference[0]), rms(difference[-1]), f"{np.abs(difference).max():.2f}", lost
    return "| " + " | ".join(map(str, [name, f"{crystal.a:g}", pool, pool // 4, beams, *errors])) + " |"


def asymmetry(name: str) -> float:
    """Largest difference of a felix pattern of 32 × 32 pixels at 200 nm from its own transpose."""
    (pattern,) = felix.felix_bright_field(Crystal.from_cif(DATA / f"{name}.cif"), THICKNESS[-1:], size=32)
    return float((pattern - pattern.T).abs().max())


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(HEADER + "\n" + "|---" * HEADER.count("| ") + "|")
    for file in sorted(DATA.glob("*.npz")):
        print(row(file.stem), flush=True)
    print(f"SrTiO3 at 200 nm differs from its transpose by up to {asymmetry('SrTiO3'):.2f}")
