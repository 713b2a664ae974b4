"""The figures of the pages, written to docs/figures/ (a minute of a core): python docs/figures.py."""

import io
import re
from pathlib import Path

import numpy as np
import torch
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from PIL import Image

from lacbed_gan import bright_field, projected_potential
from lacbed_gan.crystal.catalogue import catalogue
from lacbed_gan.diffraction.beams import select_beams
from lacbed_gan.diffraction.constants import G_MAX
from lacbed_gan.diffraction.projection import Projection
from lacbed_gan.diffraction.recursion.converged import intensities
from lacbed_gan.images.scaling import to_uint8
from lacbed_gan.measures.metrics import correlation_r
from lacbed_gan.predict.frame import Frame, pattern_frame, potential_frame
from lacbed_gan.store.recipe import Recipe

HERE = Path(__file__).parent
THICKNESS = (50, 100, 150, 200)
RECIPE = Recipe(128, THICKNESS)
CRYSTAL = "SrTiO3"
ROOT = 0.5  # of ρ: grey is its square root, or the lighter atoms are black


def save(figure: Figure, name: str) -> None:
    """As a PNG of 128 colours, which is a quarter of the size."""
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=90)
    (HERE / "figures").mkdir(exist_ok=True)
    Image.open(buffer).convert("RGB").quantize(128).save(HERE / "figures" / f"{name}.png", optimize=True)


def show(axis, image, title: str, frame: Frame | None = None, **arguments) -> None:
    """An image, row 0 at the bottom, with the axes of its frame."""
    box = None if frame is None else frame.extent * 2
    axis.imshow(image, origin="lower", cmap=arguments.pop("cmap", "gray"), extent=box, **arguments)
    axis.set_title(title, fontsize="medium")


def pair(patterns: torch.Tensor) -> None:
    """ρ and the patterns of one crystal."""
    crystal = catalogue()[CRYSTAL]
    figure = Figure(figsize=(10.5, 2.5), layout="constrained")
    axes = figure.subplots(1, 5)
    show(
        axes[0],
        projected_potential(crystal),
        "ρ",
        potential_frame(RECIPE, RECIPE.size, crystal.a),
        norm=PowerNorm(ROOT),
    )
    axes[0].set(xlabel="x (Å)", ylabel="y (Å)")
    for axis, thickness, pattern in zip(axes[1:], THICKNESS, patterns, strict=True):
        show(axis, pattern, f"{thickness} nm", pattern_frame(RECIPE, RECIPE.size, crystal.a))
        axis.set_xlabel("$k_x$ (1/Å)")
    axes[1].set_ylabel("$k_y$ (1/Å)")
    save(figure, "pair")


def thickness() -> None:
    """The direct beam against thickness, on the zone axis and off it."""
    projection = Projection(catalogue()[CRYSTAL])
    t = np.linspace(1, 200, 400)
    points = {"on the zone axis": (0.0, 0.0), "Bragg condition of 110": (-0.5, -0.5), "far from the axis": (4.3, 1.7)}
    k = torch.from_numpy(projection.net.cartesian(np.array(list(points.values()))))
    found, _ = intensities([select_beams(projection, G_MAX)], k[None], t)
    figure = Figure(figsize=(7.5, 2.6), layout="constrained")
    axis = figure.subplots()
    for label, curve in zip(points, found[0, 0].T, strict=True):
        axis.plot(t, curve, label=label, linewidth=1)
    axis.set(xlabel="thickness (nm)", ylabel="intensity of the direct beam", xlim=(0, 200), ylim=(0, 1))
    axis.legend(fontsize="small", bbox_to_anchor=(1, 1), loc="upper left")
    save(figure, "thickness")


def scaled(name: str) -> list[torch.Tensor]:
    """ρ and the pattern at 50 nm of a crystal of the catalogue as networks see them: 8 bit, in [0, 1]."""
    crystal = catalogue()[name]
    images = projected_potential(crystal), bright_field(crystal, (50,))[0]
    return [torch.from_numpy(to_uint8(image) / np.float32(255)) for image in images]


def scaling() -> None:
    """Two crystals whose ρ are nearly the same image but not the same numbers."""
    figure = Figure(figsize=(8, 2.4), layout="constrained")
    images = {name: scaled(name) for name in ("Si", "Ge")}
    for axes, (name, (potential, pattern)) in zip(figure.subplots(1, 4).reshape(2, 2), images.items(), strict=True):
        rho = projected_potential(catalogue()[name])
        show(axes[0], potential, f"{name}: ρ, range {float(rho.max() - rho.min()):.2f} 1/Å²", norm=PowerNorm(ROOT))
        show(axes[1], pattern, f"{name}: 50 nm")
    for axis in figure.axes:
        axis.set(xticks=[], yticks=[])
    save(figure, "scaling")
    for what, one, other in zip(("ρ", "patterns at 50 nm"), *images.values(), strict=True):
        print(f"R of the 8-bit {what} of Si and Ge: {float(correlation_r(one[None], other[None])):.3f}")


def convergence() -> None:
    """The error against the cut-off, of the table in experiments/convergence."""
    text = (HERE.parent / "experiments" / "convergence" / "README.md").read_text(encoding="utf-8")
    cut_offs = [float(x) for x in re.findall(r"g_max ([\d.]+) 1/Å", re.search(r"\| crystal \| B in.*", text)[0])]
    figure = Figure(figsize=(6, 2.8), layout="constrained")
    axis = figure.subplots()
    colours = {}
    for name, b, cells in re.findall(r"^\| (\w+) \| ([\d.]+) \| (.*) \|$", text, re.MULTILINE):
        errors = [float(cell.split()[0]) for cell in cells.split("|")]
        colour = colours.setdefault(name, f"C{len(colours)}")
        style = "-" if b == "0" else "--"
        axis.semilogy(cut_offs, errors, style, color=colour, marker=".", label=f"{name}, B = {b} Å²")
    axis.axvline(G_MAX, color="grey", linewidth=0.8)
    axis.set(xlabel="$g_{max}$ (1/Å)", ylabel="rms change of intensity")
    axis.legend(fontsize="small", bbox_to_anchor=(1, 1), loc="upper left")
    save(figure, "convergence")


def felix(converged: torch.Tensor) -> None:
    """A converged pattern beside FELIX's."""
    crystal = catalogue()[CRYSTAL]
    truncated = bright_field(crystal, THICKNESS[-1:], method="felix")[0]
    figure = Figure(figsize=(9, 2.9), layout="constrained")
    axes = figure.subplots(1, 3)
    frame = pattern_frame(RECIPE, RECIPE.size, crystal.a)
    show(axes[0], converged, f"converged, {THICKNESS[-1]} nm", frame, vmin=0, vmax=1)
    show(axes[1], truncated, "felix", frame, vmin=0, vmax=1)
    show(axes[2], truncated - converged, "difference", frame, vmin=-0.8, vmax=0.8, cmap="PuOr")
    for axis in axes:
        axis.set_xlabel("$k_x$ (1/Å)")
        figure.colorbar(axis.images[0], shrink=0.8)
    axes[0].set_ylabel("$k_y$ (1/Å)")
    save(figure, "felix")


if __name__ == "__main__":
    torch.set_num_threads(1)
    patterns = bright_field(catalogue()[CRYSTAL], THICKNESS)
    pair(patterns)
    thickness()
    scaling()
    convergence()
    felix(patterns[-1])
