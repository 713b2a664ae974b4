"""What the plain measures of ρ make of a right answer with another origin: prints tables, writes origin.png.

With folders of inverse runs as arguments: only counts the test crystals that their plain MSE misjudges.
"""

import csv
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import matplotlib
import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from lacbed_gan.crystal import Crystal
from lacbed_gan.crystal.catalogue import catalogue
from lacbed_gan.diffraction import projected_potential
from lacbed_gan.images.scaling import to_uint8
from lacbed_gan.measures.metrics import correlation_r, mse
from lacbed_gan.measures.origin import aligned, misjudged, origin_mse, origin_r
from lacbed_gan.store.packed import open_store

matplotlib.use("Agg")
SIZE = 128


def shifted(x: float, y: float) -> Callable[[Tensor], Tensor]:
    """Images with the origin moved by fractions of the cell."""
    return lambda image: image.roll((round(y * SIZE), round(x * SIZE)), (-2, -1))


def inverted(image: Tensor) -> Tensor:
    """ρ(−r): index i of n goes to −i mod n."""
    return image.flip(-2, -1).roll((1, 1), (-2, -1))


COPIES = {
    "shifted by (½, 0)": shifted(0.5, 0),
    "shifted by (½, ½)": shifted(0.5, 0.5),
    "shifted by (¼, ¼)": shifted(0.25, 0.25),
    "inverted": inverted,
}
EXAMPLES = (("SrTiO3", "shifted by (½, 0)"), ("NaCl", "shifted by (¼, ¼)"), ("FeSi", "inverted"))


def potential(crystal: Crystal, sampling: str = "periodic") -> Tensor:
    """(1, H, W) in [0, 1], with 8 bit as in a store."""
    image = projected_potential(crystal, SIZE, sampling=sampling).numpy()
    return torch.from_numpy(to_uint8(image))[None] / 255


def moved(crystal: Crystal, by: float) -> Crystal:
    """The crystal with its origin elsewhere by so many edges along x and along y."""
    return replace(crystal, positions=crystal.positions + np.array([by, by, 0.0]))


def print_copies(name: str, images: Tensor) -> None:
    for what, copied in COPIES.items():
        copies = copied(images)
        plain, r = mse(copies, images), correlation_r(copies, images)
        best, best_r = origin_mse(copies, images), origin_r(copies, images)
        changed = plain > 0
        shown = "–"
        if changed.any():
            worst = f"{plain[changed].max():.4f}", f"{r[changed].min():.3f}"
            shown = f"{plain[changed].median():.4f} ({worst[0]}), {r[changed].median():.3f} ({worst[1]})"
        print(
            f"| {name} | {what} | {int(changed.sum())} | {shown} | {best.max():.3g}, {best_r.min():.3g} "
            f"| {misjudged(plain, best)} |",
            flush=True,
        )


def print_recomputed(what: str, crystals: list[Crystal], by: float, sampling: str) -> None:
    images = torch.cat([potential(crystal, sampling) for crystal in crystals])
    elsewhere = torch.cat([potential(moved(crystal, by), sampling) for crystal in crystals])
    changed = mse(elsewhere, images) > 1e-4
    plain, best, r = (f(elsewhere[changed], images[changed]) for f in (mse, origin_mse, origin_r))
    left = f"{best.median():.2g} ({best.max():.2g}) | {r.min():.3f}"
    print(f"| {what} | {len(plain)} | {plain.median():.2g} | {left} |", flush=True)


def save_figure(path: Path) -> None:
    figure = Figure(figsize=(8.4, 6.6), layout="constrained")
    for (name, what), axes in zip(EXAMPLES, figure.subplots(3, 4), strict=True):
        truth = potential(catalogue()[name])
        copy = COPIES[what](truth)
        columns = (truth, copy, (copy - truth) ** 2, (copy - aligned(copy, truth)) ** 2)
        for axis, image, colours in zip(axes, columns, ["cividis"] * 2 + ["magma"] * 2, strict=True):
            largest = 1.0 if colours == "cividis" else float(columns[2].max())
            axis.imshow(image[0], cmap=colours, vmin=0, vmax=largest, origin="lower")
            axis.set(xticks=[], yticks=[])
        axes[0].set_ylabel(name)
        axes[1].set_xlabel(what)
        axes[2].set_xlabel(f"MSE {mse(copy, truth).item():.4f}   R {correlation_r(copy, truth).item():.3f}")
        axes[3].set_xlabel(f"MSE {origin_mse(copy, truth).item():g}   R {origin_r(copy, truth).item():g}")
        if name == EXAMPLES[0][0]:
            titles = ("ρ", "the same, other origin", "difference²", "difference², best origin")
            for axis, title in zip(axes, titles, strict=True):
                axis.set_title(title, fontsize="medium")
    figure.savefig(path, dpi=100)


def count(folders: list[str]) -> None:
    print("| run | test crystals | plain MSE | MSE whatever the origin | misjudged |\n|---|---|---|---|---|")
    for folder in map(Path, folders):
        with (folder / "crystals.csv").open(encoding="utf-8", newline="") as lines:
            rows = [row for row in csv.DictReader(lines) if row["split"] == "test"]
        plain, best = (torch.tensor([float(row[name]) for row in rows]) for name in ("mse", "origin_mse"))
        print(f"| {folder.name} | {len(rows)} | {plain.mean():.5f} | {best.mean():.5f} | {misjudged(plain, best)} |")


def main() -> None:
    if sys.argv[1:]:
        count(sys.argv[1:])
        return
    crystals = list(catalogue().values())
    print("| crystals | copy | changed | plain MSE, R: median (worst) | best origin: worst MSE, R | misjudged |")
    print("|---|---|---|---|---|---|")
    bundled = torch.from_numpy(np.array(open_store("bundled").potential)) / 255
    print_copies(f"bundled, {len(bundled)}", bundled)
    print_copies(f"catalogue, {len(crystals)}", torch.cat([potential(crystal) for crystal in crystals]))
    print("\n| catalogue, origin moved before sampling | changed | plain MSE | best origin: MSE (worst) | worst R |")
    print("|---|---|---|---|---|")
    print_recomputed("by half a pixel along x and y", crystals, 0.5 / SIZE, "periodic")
    print_recomputed("by (½, ½), r = i/127 as published: 63.5 pixels", crystals, 0.5, "endpoints")
    save_figure(Path(__file__).parent / "origin.png")


if __name__ == "__main__":
    main()
