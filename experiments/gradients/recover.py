"""Structure factors recovered from a noise-free pattern by plain descent, of five crystals."""

from __future__ import annotations

import time

import torch

import lacbed_gan as lg
from lacbed_gan.crystal.catalogue import catalogue
from lacbed_gan.diffraction.pixels import IndependentPixels
from lacbed_gan.diffraction.window import Window

CRYSTALS = {"Cu": 2.0, "NaCl": 1.6, "GaAs": 1.6, "SrTiO3": 1.4, "spinel": 1.3}  # cut-offs in 1/Å
THICKNESS = (50.0, 100.0)  # nm
SIZE = 32
ERROR = 0.01  # of each coefficient to begin with, relative
STEPS = 100


def recover(name: str, g_max: float) -> None:
    """Prints a row of the table."""
    scattering = lg.Scattering(catalogue()[name].with_default_b_iso(0.5), g_max=g_max, dtype=torch.float64)
    true = scattering.of_sites()
    target = scattering.bright_field(true, THICKNESS, SIZE).detach()
    known = torch.from_numpy(~scattering.projection.net.inside(scattering.independent.hk.numpy(), g_max))
    random = torch.Generator().manual_seed(0)
    start = true * (1 + ERROR * torch.randn(len(true), generator=random).double())
    begun, calls = time.process_time(), 0
    # Each unknown in the unit that changes the pattern as much as that of any other.
    pixels = IndependentPixels.of_window(Window(SIZE), scattering.projection.point_group, scattering.projection.net)
    jacobian = scattering.jacobian(start, scattering.directions(pixels, Window(SIZE)), THICKNESS)
    scale = 1 / jacobian.parameters[..., ~known].flatten(0, 1).norm(dim=0)
    x = (start[~known] / scale).requires_grad_()

    def structure_factors() -> torch.Tensor:
        return true.index_put((~known,), x * scale)

    def loss() -> torch.Tensor:
        nonlocal calls
        calls += 1
        optimiser.zero_grad()
        value = (scattering.bright_field(structure_factors(), THICKNESS, SIZE) - target).square().mean()
        value.backward()
        return value

    optimiser = torch.optim.LBFGS(
        [x], max_iter=STEPS, history_size=STEPS, tolerance_grad=0, tolerance_change=0, line_search_fn="strong_wolfe"
    )
    first = float(optimiser.step(loss).detach())
    rms = float(
        (scattering.bright_field(structure_factors(), THICKNESS, SIZE) - target).square().mean().sqrt().detach()
    )
    errors = [((u - true) / true)[~known].abs().max() for u in (start, structure_factors().detach())]
    print(
        f"| {name} | {g_max} | {len(scattering.beams)} | {len(x)} | {errors[0]:.1e} | {errors[1]:.1e} | "
        f"{first**0.5:.1e} | {rms:.1e} | {calls} | {time.process_time() - begun:.0f} |",
        flush=True,
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(
        "| crystal | g_max in 1/Å | beams | unknown | largest error at first | at last | rms at first | at last", end=""
    )
    print(" | gradients | core-seconds |\n|---|---|---|---|---|---|---|---|---|---|")
    for name, g_max in CRYSTALS.items():
        recover(name, g_max)
