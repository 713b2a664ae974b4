"""Ways to a pattern with absorption against each other, and what it costs in multiples of none; see README.md."""

from __future__ import annotations

import math
import time
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from lacbed_gan.crystal.catalogue import catalogue
from lacbed_gan.crystal.crystal import Crystal
from lacbed_gan.diffraction.absorption import Absorption
from lacbed_gan.diffraction.beams import Beams, select_beams
from lacbed_gan.diffraction.constants import wavelength
from lacbed_gan.diffraction.dense import zone_matrix
from lacbed_gan.diffraction.pixels import IndependentPixels
from lacbed_gan.diffraction.projection import Projection
from lacbed_gan.diffraction.recursion.converged import intensities
from lacbed_gan.diffraction.recursion.slices import absorbed_intensities
from lacbed_gan.diffraction.window import Window

THICKNESS = (50.0, 100.0, 150.0, 200.0)
CRYSTALS = (("GaAs", 0.6), ("SrTiO3", 0.6), ("Au", 0.6), ("W", 0.2), ("NaCl", 1.5))
G_MAX = 3.0
ARNOLDI = 0.85  # steps of Arnoldi's recursion, in numbers of beams
DIRECTIONS = torch.tensor([[0.0, 0.0], [0.21, 0.0], [0.55, -0.3], [1.2, 0.9]], dtype=torch.float64)


def vibrating(key: str, b_iso: float) -> Crystal:
    crystal = catalogue()[key]
    return replace(crystal, b_iso=np.full_like(crystal.b_iso, b_iso))


def amplitude(x: Tensor, weight: Tensor, k: Tensor) -> Tensor:
    """(T,) Σ w exp(2πi t (√(k₀² + x) − k₀)) of eigenvalues."""
    k0 = (wavelength(200.0) ** -2 - (k**2).sum()).sqrt()
    root = x / ((k0**2 + x).sqrt() + k0)
    return (weight * torch.exp(20j * math.pi * torch.tensor(THICKNESS)[:, None] * root)).sum(1)


def dense(matrix: Tensor, k: Tensor) -> Tensor:
    x, v = torch.linalg.eig(matrix)
    start = torch.zeros(len(matrix), dtype=x.dtype)
    start[0] = 1
    return amplitude(x, v[0] * torch.linalg.solve(v, start), k).abs() ** 2


def recursion(matrix: Tensor, k: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """By eigenvectors of the tridiagonal matrix of a recursion without conjugation: as it is, and with the spurious
    eigenvalues, whose imaginary parts are negative, moved to the real axis."""
    v, before, beta = torch.zeros(len(matrix), dtype=matrix.dtype), torch.zeros(len(matrix), dtype=matrix.dtype), 0.0
    v[0] = 1
    alphas, betas = [], []
    for _ in range(steps):
        w = matrix @ v - beta * before
        alphas.append((w * v).sum())
        w = w - alphas[-1] * v
        beta = (w * w).sum().sqrt()
        betas.append(beta)
        before, v = v, w / beta
    off = torch.stack(betas[:-1])
    x, y = torch.linalg.eig(torch.diag(torch.stack(alphas)) + torch.diag(off, 1) + torch.diag(off, -1))
    start = torch.zeros(steps, dtype=matrix.dtype)
    start[0] = 1
    weight = y[0] * torch.linalg.solve(y, start)
    values = [amplitude(z, weight, k).abs() ** 2 for z in (x, torch.complex(x.real, x.imag.clamp_min(0)))]
    return values[0], values[1]


def arnoldi(matrix: Tensor, k: Tensor, steps: int) -> Tensor:
    """By eigenvectors of the Hessenberg matrix of Arnoldi's recursion, each vector orthogonal to all before."""
    basis = torch.zeros(steps + 1, len(matrix), dtype=matrix.dtype)
    basis[0, 0] = 1
    hessenberg = torch.zeros(steps + 1, steps, dtype=matrix.dtype)
    for n in range(steps):
        w = matrix @ basis[n]
        for _ in range(2):
            overlap = basis[: n + 1].conj() @ w
            w = w - overlap @ basis[: n + 1]
            hessenberg[: n + 1, n] += overlap
        hessenberg[n + 1, n] = w.norm()
        if w.norm() < 1e-9:  # on the axis symmetry leaves a space that small
            steps = n + 1
            break
        basis[n + 1] = w / hessenberg[n + 1, n]
    x, y = torch.linalg.eig(hessenberg[:steps, :steps])
    start = torch.zeros(steps, dtype=matrix.dtype)
    start[0] = 1
    return amplitude(x, y[0] * torch.linalg.solve(y, start), k).abs() ** 2


def compare(key: str, beams: Beams, absorbing: Beams) -> str:
    """A row of the table: the largest errors of intensity over four directions and thicknesses, and the times."""
    errors, seconds = np.zeros(4), np.zeros(4)
    steps = round(ARNOLDI * len(beams))
    matrices = zone_matrix(beams.g, beams.coupling() + 1j * absorbing.coupling(), DIRECTIONS)
    for matrix, k in zip(matrices, DIRECTIONS, strict=True):
        began = time.process_time()
        exact = dense(matrix, k)
        seconds[0] += time.process_time() - began
        began = time.process_time()
        trials = recursion(matrix, k, 2 * len(beams))
        seconds[1] += time.process_time() - began
        errors[:2] = np.maximum(errors[:2], [float((trial - exact).abs().max()) for trial in trials])
        began = time.process_time()
        errors[2] = max(errors[2], float((arnoldi(matrix, k, steps) - exact).abs().max()))
        seconds[2] += time.process_time() - began
        value = absorbed_intensities(beams, absorbing, k[None], THICKNESS)[0, :, 0]
        errors[3] = max(errors[3], float((value - exact).abs().max()))
    many = DIRECTIONS[2].repeat(256, 1)
    began = time.process_time()
    absorbed_intensities(beams, absorbing, many, THICKNESS)
    seconds[3] = (time.process_time() - began) / len(many) * len(DIRECTIONS)
    shown = [f"{error:.0e}" if math.isfinite(error) and error < 1e3 else "beyond 1e3" for error in errors]
    times = [f"{1e3 * s / len(DIRECTIONS):.0f}" for s in seconds]
    recursions = f"{shown[0]} | {shown[1]} | {times[1]} | {shown[2]} | {times[2]}"
    return f"| {key} | {len(beams)} | {times[0]} | {recursions} | {shown[3]} | {times[3]} |"


def cost(key: str, projection: Projection, beams: Beams, absorbing: Beams) -> str:
    """Processor time of a pattern of 128 × 128 pixels, from every fourth one of those that symmetry leaves."""
    pixels = IndependentPixels.of(128, projection.point_group, projection.net)
    k = torch.from_numpy(Window(128).directions(projection.net, pixels.rows[::4], pixels.columns[::4]))
    bright, dark = [], []
    for chosen in (None, beams.find([(2, 2), (4, 0), (2, 0)])):
        began = time.process_time()
        intensities([beams], k[None], THICKNESS, reflections=None if chosen is None else [chosen])
        without = time.process_time() - began
        began = time.process_time()
        absorbed_intensities(beams, absorbing, k, THICKNESS, reflections=chosen)
        (bright if chosen is None else dark).extend([4 * without, 4 * (time.process_time() - began)])
    ratios = f"{bright[1] / bright[0]:.1f} | {dark[1] / dark[0]:.1f}"
    return f"| {key} | {len(beams)} | {bright[0]:.1f} | {bright[1]:.1f} | {ratios} |"


def main() -> None:
    torch.set_num_threads(1)
    for g_max, row in ((G_MAX, compare), (G_MAX, cost), (4.25, cost)):
        print(f"\n{row.__name__}, g_max {g_max:g} 1/Å")
        for key, b_iso in CRYSTALS:
            projection = Projection(vibrating(key, b_iso))
            beams = select_beams(projection, g_max)
            absorbing = Absorption("tds").beams(projection, beams)
            arguments = (projection,) if row is cost else ()
            print(row(key, *arguments, beams, absorbing), flush=True)


if __name__ == "__main__":
    main()
