"""What a refinement leaves on disk: numbers, tables, images and figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from lacbed_gan.base.files import replacing, write_atomically
from lacbed_gan.base.tables import to_csv
from lacbed_gan.images.colours import COLOUR_MAP
from lacbed_gan.predict.refinement.refinement import Refinement

DRAWN = 24  # reflections in the figure
PER_ROW = 4
DPI = 110


def save_refinement(result: Refinement, folder: Path, stem: str, figure: bool = True) -> dict[str, Any]:
    """<stem>.json, <stem>_reflections.csv, <stem>_path.csv, <stem>.npz and, where asked for, <stem>.png.

    Returns:
        what the JSON holds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    numbers = to_json(result)
    write_atomically(folder / f"{stem}.json", json.dumps(numbers, indent=1, ensure_ascii=False) + "\n")
    write_atomically(folder / f"{stem}_reflections.csv", to_csv(numbers["reflections"]))
    names = [f"{p.name} ({p.unit})" for p in result.parameters]
    steps = [
        {"step": step, "share of variance left": share, **dict(zip(names, map(float, values), strict=True))}
        for step, share, values in result.path
    ]
    write_atomically(folder / f"{stem}_path.csv", to_csv(steps))
    with replacing(folder / f"{stem}.npz") as file:
        np.savez_compressed(
            file,
            hkl=np.concatenate([np.array(one.hkl) for one in result.observations]),
            measured=np.concatenate([one.images for one in result.observations]).astype(np.float32),
            calculated=np.concatenate(result.images).astype(np.float32),
        )
    if figure:
        save_figure(result, folder / f"{stem}.png")
    return numbers


def to_json(result: Refinement) -> dict[str, Any]:
    """Plain JSON values; each number stands with its unit, or `units` has it."""
    values = [
        {
            "name": p.name,
            "value": float(v),
            "standard_error": float(e),
            "unit": p.unit,
            "at_bound": p.name in result.at_bounds,
            "start": p.start,
        }
        for p, v, e in zip(result.parameters, result.values, result.errors, strict=True)
    ]
    reflections = []
    for series, one in enumerate(result.observations):
        for i, g in enumerate(one.hkl):
            row = {"series": series + 1, "hkl": " ".join(map(str, g))}
            row |= {"r_before": float(result.before[series][i]), "r_after": float(result.after[series][i])}
            reflections.append(
                row | {"scale": float(result.scale[series][i]), "background": float(result.background[series][i])}
            )
    return {
        "formula": result.crystal.formula,
        "space_group": result.crystal.space_group,
        "a": result.crystal.a,
        "parameters": values,
        "correlations": {"order": [p.name for p in result.parameters], "matrix": result.correlations.tolist()},
        "reflections": reflections,
        "chi2_before": result.chi2_before,
        "chi2_after": result.chi2_after,
        "variance_left": [share for _, share, _ in result.path],
        "seconds": result.seconds,
        "units": {
            "a": "Å",
            "r_before": "1",
            "r_after": "1",
            "scale": "the images' unit per intensity of the beam",
            "background": "the images' unit",
            "chi2_before": "1 (mean squared residual over that of noise)",
            "chi2_after": "1",
            "variance_left": "1",
            "correlations": "1",
            "seconds": "s",
            "px": "pixels of the compared images, see pixel_size",
            "pixel_size": "1/Å, or 1/a where a is not known",
        },
        "pixel_size": _pixel_size(result),
    }


def lines(result: Refinement) -> list[str]:
    """Parameters with standard errors, strong correlations and agreement, for a terminal."""
    text = [
        f"{p.name:18} {v:10.4f} ± {e:.4f} {p.unit}" + (" (at its bound)" if p.name in result.at_bounds else "")
        for p, v, e in zip(result.parameters, result.values, result.errors, strict=True)
    ]
    for i, first in enumerate(result.parameters):
        for j, second in enumerate(result.parameters[:i]):
            if abs(result.correlations[i, j]) > 0.8:
                text.append(f"{second.name} and {first.name} are correlated by {result.correlations[i, j]:.2f}")
    before, after = np.concatenate(result.before), np.concatenate(result.after)
    text.append(
        f"r of {len(after)} images: median {np.median(before):.3f} → {np.median(after):.3f}, least {before.min():.3f} "
        f"→ {after.min():.3f}"
    )
    if result.chi2_after is not None and result.chi2_before is not None:
        text.append(f"χ² over that of noise alone: {result.chi2_before:.3g} → {result.chi2_after:.3g}")
    return text


@matplotlib.rc_context({"font.size": 7, "axes.titlesize": 7})
def save_figure(result: Refinement, path: Path) -> None:
    """For each image the measured one, the calculated one and what is left: measured − calculated."""
    images = [
        (g, np.where(one.known, measured, np.nan), calculated, r)
        for one, fits, rs in zip(result.observations, result.images, result.after, strict=True)
        for g, measured, calculated, r in zip(one.hkl, one.images, fits, rs, strict=True)
    ][:DRAWN]
    across = min(PER_ROW, len(images))
    down = -(-len(images) // across)
    figure = Figure(figsize=(max(4.5, 1.3 * 3 * across), 1.5 * down))
    grid = figure.subplots(down, 3 * across, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for number, (g, measured, calculated, r) in enumerate(images):
        axes = grid[number // across, 3 * (number % across) :]
        low, high = np.nanmin(measured), np.nanmax(measured)
        reach = 0.3 * (high - low)
        pictures = [
            (measured, low, high, COLOUR_MAP, f"{' '.join(map(str, g))}, measured"),
            (calculated, low, high, COLOUR_MAP, f"r {r:.3f}"),
            (measured - calculated, -reach, reach, "coolwarm", "residual"),
        ]
        for place, (image, bottom, top, colours, title) in zip(axes, pictures, strict=False):
            place.imshow(image, cmap=colours, vmin=bottom, vmax=top, origin="lower")
            place.set_title(title, pad=2, parse_math=False)
    figure.tight_layout(pad=0.3)
    with replacing(path) as file:
        figure.savefig(file, dpi=DPI, format="png")


def _pixel_size(result: Refinement) -> float:
    one = result.observations[0]
    half = one.absolute if one.absolute is not None else one.half_width
    return 2 * float(half or 0) / one.size
