"""What an identification leaves on disk: a table, numbers, images and a figure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from lacbed_gan.base.files import replacing, write_atomically
from lacbed_gan.base.tables import to_csv
from lacbed_gan.crystal.formulas import conventional_formula, printed_formula
from lacbed_gan.images.colours import COLOUR_MAP
from lacbed_gan.predict.identification.identification import UNITS, Identification

SHOWN = 5  # candidates in the figure, and lines that are printed
DRAWN = 6  # reflections in the figure
DPI = 110


def save_identification(result: Identification, folder: Path, stem: str, figure: bool = True) -> dict[str, Any]:
    """<stem>.csv, <stem>.json, <stem>.npz and, where asked for, <stem>.png.

    Returns:
        what the JSON holds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    numbers = to_json(result)
    write_atomically(folder / f"{stem}.csv", to_csv([_with_units(row) for row in result.rows]))
    write_atomically(folder / f"{stem}.json", json.dumps(numbers, indent=1, ensure_ascii=False) + "\n")
    best, compared = result.verdict.order, result.ranking.compared
    with replacing(folder / f"{stem}.npz") as file:
        np.savez_compressed(
            file,
            hkl=np.array(compared.hkl),
            measured=compared.images.astype(np.float32),
            name=np.array([one.crystal.name for one in best]),
            calculated=np.stack([one.images.calculated for one in best if one.images]).astype(np.float32),
        )
    if figure:
        save_figure(result, folder / f"{stem}.png")
    return numbers


def to_json(result: Identification) -> dict[str, Any]:
    """Plain JSON values; `units` has the unit of every number."""
    verdict = result.verdict
    return {
        "verdict": verdict.kind,
        "verdict_if_measured": verdict.if_measured,
        "text": verdict.text,
        "alike": [one.crystal.name for one in verdict.order[: verdict.alike]],
        "decisiveness": verdict.decisiveness,
        "unexplained_beyond_noise": verdict.unexplained,
        "noise": verdict.noise,
        "candidates": result.rows,
        "thickness_range": list(result.thickness),
        "reflections": [list(g) for g in result.observation.hkl],
        "half_width": result.observation.half_width,
        "calibration": result.observation.calibration.to_json(),
        "physics": {
            "g_max": result.physics.g_max,
            "absorption": result.physics.absorption,
            "energy_kv": result.physics.energy_kv,
        },
        "structures": result.total,
        "remarks": result.remarks,
        "seconds": result.seconds,
        "units": UNITS | {"decisiveness": "1", "unexplained_beyond_noise": "1", "noise": "1", "thickness_range": "nm"},
    }


def lines(result: Identification, count: int = 12) -> list[str]:
    """The table of the best candidates, and the verdict, for a terminal."""
    rows = [
        "rank  formula                 a (Å)   known  thickness (nm)  r       r of 0 0 0  blur (px)  B ×   ions",
    ]
    for row in result.rows[:count]:
        bright = "–" if row["r_bright_field"] is None else f"{row['r_bright_field']:.4f}"
        known = "yes" if row["from_experiment"] else "no"
        formula = conventional_formula(row["formula"])[:22]
        rows.append(
            f"{row['rank']:4d}  {formula:22}  {row['a']:6.4f}  {known:5}  {row['thickness']:14.1f}"
            f"  {row['r']:.4f}  {bright:10}  {row['blur']:9.2f}  {row['b_factor']:4.2f}  {row['ionicity']:.2f}"
        )
    return [*rows, result.verdict.text]


@matplotlib.rc_context({"font.size": 7, "axes.titlesize": 7})
def save_figure(result: Identification, path: Path) -> None:
    """Measured images, and for the best candidates the calculated ones and what is left: measured − calculated."""
    compared, best = result.ranking.compared, result.verdict.order[:SHOWN]
    chosen = range(min(DRAWN, len(compared.hkl)))
    columns = len(chosen)
    figure = Figure(figsize=(1.3 * 2 * columns if columns > 1 else 4.2, 1.45 * (len(best) + 1)))
    grid = figure.subplots(len(best) + 1, 2 * columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for column, i in enumerate(chosen):
        measured = np.where(compared.known, compared.images[i], np.nan)
        low, high = np.nanmin(measured), np.nanmax(measured)
        _show(grid[0, 2 * column], measured, low, high, f"{_text(compared.hkl[i])}, measured")
        for row, one in enumerate(best, 1):
            assert one.images is not None
            title = (
                f"{printed_formula(one.crystal.formula)}, {one.fit.thickness:.1f} nm"
                if column == 0
                else _text(compared.hkl[i])
            )
            _show(grid[row, 2 * column], one.images.calculated[i], low, high, title)
            residual, reach = measured - one.images.calculated[i], 0.3 * (high - low)
            _show(grid[row, 2 * column + 1], residual, -reach, reach, f"residual, r {one.fit.r[i]:.3f}", "coolwarm")
    figure.tight_layout(pad=0.3)
    with replacing(path) as file:
        figure.savefig(file, dpi=DPI, format="png")


def _show(axes: Any, image: np.ndarray, low: float, high: float, title: str, colours: str = COLOUR_MAP) -> None:
    axes.imshow(image, cmap=colours, vmin=low, vmax=high, origin="lower")
    axes.set_title(title, pad=2, parse_math=False)


def _text(hkl: Sequence[int]) -> str:
    return " ".join(map(str, hkl))


def _with_units(row: dict[str, Any]) -> dict[str, Any]:
    """The names of columns with their units, where these are not 1."""
    units = {name: UNITS[name] for name in row if name in UNITS and not UNITS[name].startswith("1")}
    return {f"{name} ({units[name]})" if name in units else name: value for name, value in row.items()}
