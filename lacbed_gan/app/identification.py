"""What the tab for identification asks of the program, in a process of its own, and how its tables are written."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lacbed_gan.app.picture import Picture
from lacbed_gan.app.stage import Stage
from lacbed_gan.crystal import Crystal
from lacbed_gan.crystal.formulas import printed_formula
from lacbed_gan.images.measured import Measured
from lacbed_gan.predict.frame import Frame
from lacbed_gan.predict.identification.identification import Identification, identify
from lacbed_gan.predict.observation import Hkl, Observation, observe
from lacbed_gan.predict.refinement.refinement import Refinement, refine

LISTED = 30  # candidates in the table
Row = dict[str, Any]
CANDIDATES = {
    "rank": "rank",
    "formula": "formula",
    "space_group": "space group",
    "a": "a (Å)",
    "thickness": "thickness (nm)",
    "r": "r",
    "r_bright_field": "r of 0 0 0",
    "b_factor": "B, times the source's",
    "ionicity": "ionicity",
    "from_experiment": "known from experiment",
}
PARAMETERS = {"name": "fitted", "value": "value", "error": "standard error", "unit": "unit"}


def identified(
    measured: Measured,
    hkl: Sequence[Hkl],
    crystals: Sequence[Crystal],
    thickness: float | None,
    options: Mapping[str, Any],
    stage: Stage | None = None,
) -> Identification:
    """Which crystal, for a process of its own.

    Args:
        crystals: the candidates; none: the standard set.
        thickness: in nm, where it is known to 5 %.
        options: further arguments of `identify`.
        stage: is told what it is at.
    """
    known: dict[str, Any] = {} if thickness is None else {"thickness": thickness}
    if stage is not None:
        known["stage"] = stage.tell
    return identify(measured, reflections=hkl, structures=list(crystals) or "standard", **options | known)


def refined(
    measured: Measured,
    hkl: Sequence[Hkl],
    crystals: Sequence[Crystal],
    thickness: float | None,
    options: Mapping[str, Any],
) -> Refinement:
    """A crystal fitted to the images, for a process of its own; arguments as of `identified`."""
    (crystal,) = crystals
    more = {name: options[name] for name in ("g_max", "absorption") if name in options}
    known = {name: value for name, value in options.items() if name in ("a", "pixel_size", "half_width", "energy_kv")}
    observation = observe(measured, hkl, **known | {"a": known.get("a") or crystal.a})
    return refine([observation], crystal, [] if thickness is None else [thickness], **more)


def candidate_rows(result: Identification) -> list[Row]:
    """Of the table of candidates, texts by the keys of `CANDIDATES`; numbers have the units of its heads."""
    rows = []
    for row in result.rows[:LISTED]:
        bright = row["r_bright_field"]
        rows.append(
            row
            | {
                "formula": printed_formula(row["formula"]),
                "a": f"{row['a']:.4f}",
                "thickness": f"{row['thickness']:.1f}",
                "r": f"{row['r']:.4f}" + ("" if row["checked"] else " (roughly)"),
                "r_bright_field": "–" if bright is None else f"{bright:.4f}",
                "b_factor": f"{row['b_factor']:.2f}",
                "ionicity": f"{row['ionicity']:.2f}",
                "from_experiment": "yes" if row["from_experiment"] else "no",
            }
        )
    return [{name: row[name] for name in CANDIDATES} for row in rows]


def parameter_rows(result: Refinement) -> list[Row]:
    """Of the table of fitted numbers, texts by the keys of `PARAMETERS`."""
    rows = []
    for p, value, error in zip(result.parameters, result.values, result.errors, strict=True):
        said = "at its bound" if p.name in result.at_bounds else f"{error:.2g}"
        rows.append({"name": p.name, "value": rounded(value, error), "error": said, "unit": p.unit})
    return rows


def rounded(value: float, error: float) -> str:
    """To the second digit of the error; with four decimals where there is none."""
    decimals = max(0, 1 - math.floor(math.log10(error))) if 0 < error < math.inf else 4
    return f"{value:.{decimals}f}".replace("-", "−")


def refinement_line(result: Refinement) -> str:
    """What the fit came to, in one sentence."""
    before, after = (np.concatenate(x) for x in (result.before, result.after))
    line = f"r of {len(after)} images, median {np.median(before):.4f} before and {np.median(after):.4f} after the fit"
    if result.chi2_after is not None and result.chi2_before is not None:
        line += f"; χ² over that of noise alone {result.chi2_before:.3g} and {result.chi2_after:.3g}"
    return f"{line}; {result.seconds:.0f} s."


def pictures(observation: Observation, index: int, calculated: np.ndarray | None) -> tuple[Picture, ...]:
    """One reflection as measured, as calculated (n, n), and what is left; 0 and 1 are the measured extremes.

    The first alone where nothing was calculated.
    """
    known, name = observation.known, " ".join(map(str, observation.hkl[index]))
    values = observation.images[index]
    low, high = float(values[known].min()), float(values[known].max())
    half = observation.absolute if observation.absolute is not None else float(observation.half_width or 0)
    n = observation.size
    frame = Frame(n, 2 * half / n, (n - 1) / 2, "1/Å" if observation.absolute is not None else "1/a", ("k_x", "k_y"))

    def scaled(image: np.ndarray) -> np.ndarray:
        return np.where(known, (image - low) / (high - low), 0.0).astype(np.float32)

    measured = Picture(scaled(values), frame, f"{name}, measured")
    if calculated is None:
        return (measured,)
    left = Picture(measured.image - scaled(calculated), frame, f"{name}, measured − calculated", signed=True)
    return measured, Picture(scaled(calculated), frame, f"{name}, calculated"), left
