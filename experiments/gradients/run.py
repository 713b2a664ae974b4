"""Derivatives of crystals with vibrating atoms: how right they are, and what they cost beside the recursion."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

import lacbed_gan as lg
from lacbed_gan.crystal.catalogue import catalogue
from lacbed_gan.diffraction.dense import intensities as dense_intensities
from lacbed_gan.diffraction.pixels import IndependentPixels
from lacbed_gan.diffraction.recursion.converged import intensities
from lacbed_gan.diffraction.window import Window

CRYSTALS = {"GaAs": 3.0, "SrTiO3": 3.0, "spinel": 3.0, "GaAs along [110]": 2.5}  # cut-offs in 1/Å
THICKNESS = torch.tensor([50.0, 100.0, 150.0, 200.0], dtype=torch.float64)  # nm
B = 0.5  # Å²
SIZE = {"GaAs along [110]": 16}  # pixels along an edge, 64 of the others
K = torch.tensor([[0.0, 0.0], [0.31, 0.12], [0.9, 0.7]], dtype=torch.float64)  # 1/Å


def crystal(name: str) -> lg.Crystal:
    sample = catalogue()[name.split()[0]].with_default_b_iso(B)
    return sample.along((1, 1, 0)) if "[110]" in name else sample


def dense(scattering: lg.Scattering, u: torch.Tensor, k: torch.Tensor, thickness: torch.Tensor) -> torch.Tensor:
    difference = scattering.beams.hk[:, None] - scattering.beams.hk + scattering.beams.middle
    coupling = scattering.independent.potential(u)[difference[..., 0], difference[..., 1]]
    return dense_intensities(scattering.beams.g, coupling, k, thickness.tolist())[0]


def quotient(function: Callable[[float], torch.Tensor], step: float) -> torch.Tensor:
    near, far = (function(x) - function(-x) for x in (step, 2 * step))
    return (8 * near - far) / (12 * step)


def accuracy() -> None:
    print("| crystal | g_max | beams | precision | I | by U | by k | by t |\n|---|---|---|---|---|---|---|---|")
    for name, g_max in CRYSTALS.items():
        sample = crystal(name)
        expected = None
        for dtype in (torch.float64, torch.float32):
            scattering = lg.Scattering(sample, g_max=g_max, dtype=dtype)
            u = scattering.of_sites()
            jacobian = scattering.jacobian(u, K, THICKNESS)
            du = u * torch.randn(len(u), generator=torch.Generator().manual_seed(0)).double()
            found = jacobian.parameters.double() @ du, jacobian.direction.sum(-1).double(), jacobian.thickness.double()
            if expected is None:
                expected = (
                    quotient(lambda x, u=u, du=du, s=scattering: dense(s, u + x * du, K, THICKNESS), 1e-4),
                    quotient(lambda x, u=u, s=scattering: dense(s, u, K + x, THICKNESS), 1e-5),
                    quotient(lambda x, u=u, s=scattering: dense(s, u, K, THICKNESS + x), 1e-2),
                )
                value = dense(scattering, u, K, THICKNESS)
            errors = [float((x - y).abs().max() / y.abs().max()) for x, y in zip(found, expected, strict=True)]
            settled = float((jacobian.intensity - value).abs().max())
            row = " | ".join(f"{x:.1e}" for x in (settled, *errors))
            print(f"| {name} | {g_max} | {len(scattering.beams)} | {str(dtype)[6:]} | {row} |", flush=True)


def seconds(function: Callable[[], object]) -> tuple[float, object]:
    begun = time.process_time()
    result = function()
    return time.process_time() - begun, result


def cost() -> None:
    print(
        "\n| crystal | pixels | recursion | values | gradient | both in recursions | with k | Jacobian, 1 thickness",
        end="",
    )
    print(" | tds: values | gradient |\n|---|---|---|---|---|---|---|---|---|---|")
    for name, g_max in CRYSTALS.items():
        scattering = lg.Scattering(crystal(name), g_max=g_max)
        window = Window(SIZE.get(name, 64))
        pixels = IndependentPixels.of_window(window, scattering.projection.point_group, scattering.projection.net)
        k = scattering.directions(pixels, window)
        u = scattering.of_sites().requires_grad_()
        reference, _ = seconds(lambda s=scattering, k=k: intensities([s.beams], k[None], THICKNESS.tolist()))
        times = []
        absorbing = lg.Scattering(crystal(name), g_max=g_max, absorption="tds")
        for each, directions in ((scattering, k), (scattering, k.clone().requires_grad_()), (absorbing, k)):
            forward, values = seconds(lambda e=each, d=directions, u=u: e.intensity(u, d, THICKNESS))
            backward, _ = seconds((values - 0.5).square().sum().backward)
            times.append((forward, backward))
        all_of_them, _ = seconds(lambda s=scattering, u=u, k=k: s.jacobian(u, k, THICKNESS[1:2]))
        (forward, backward), (_, with_k), absorbed = times
        columns = [f"{x:.2f}" for x in (reference, forward, backward)]
        columns += [f"{(forward + backward) / reference:.1f}", f"{with_k:.2f}", f"{all_of_them:.2f}"]
        columns += [f"{x:.1f}" for x in absorbed]
        print(f"| {name} | {len(k)} | {' | '.join(columns)} |", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    accuracy()
    cost()
