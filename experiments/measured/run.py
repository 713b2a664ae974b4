"""Measured LACBED patterns against calculated ones, reflection by reflection; see README.md.

    python experiments/measured/run.py felix=CLONE [output=pictures] [g_max=2.5]

CLONE is a clone of https://github.com/WarwickMicroscopy/Felix; arrays=FOLDER takes its images from two .npz files.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lacbed_gan.base.errors import UserError
from lacbed_gan.diffraction import dark_field

sys.path.insert(0, str(Path(__file__).parent))
from drawing import draw_comparison, draw_simulated
from series import SERIES, Series

Images = NDArray[np.float64]
USAGE = "give felix=CLONE, a clone of https://github.com/WarwickMicroscopy/Felix"


@dataclass(frozen=True)
class Agreement:
    """Calculated patterns of a series at the thickness, and with the blur, at which they agree best with the measured.

    Attributes:
        thickness: in nm.
        blur: σ in pixels, 0 without.
        images: (R, H, W), blurred.
        r: (R,) Pearson's, over all pixels of a reflection.
        bright: which reflection is 0 0 0.
    """

    thickness: float
    blur: float
    images: Images
    r: NDArray[np.float64]
    bright: int

    @property
    def row(self) -> str:
        blur = f"{self.blur:.2f}" if self.blur else "none"
        return f"{blur} | {self.thickness:g} | {self.r[self.bright]:.3f} | {np.median(self.r):.3f} | {self.r.min():.3f}"


def blurred(images: Images, sigma: float) -> Images:
    """Images (…, H, W) by a Gaussian of σ pixels; mirrored at their edges."""
    if not sigma:
        return images
    reach = int(4 * sigma + 0.5)
    weight = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weight /= weight.sum()
    for axis in (-1, -2):
        padding = [(0, 0)] * images.ndim
        padding[axis] = (reach, reach)
        windows = np.lib.stride_tricks.sliding_window_view(np.pad(images, padding, "symmetric"), len(weight), axis)
        images = windows @ weight
    return images


def correlation(first: Images, second: Images) -> NDArray[np.float64]:
    """(…) Pearson's r over the pixels of images (…, H, W)."""
    first, second = (x - x.mean((-1, -2), keepdims=True) for x in (first, second))
    norm = np.sqrt((first**2).sum((-1, -2)) * (second**2).sum((-1, -2)))
    return (first * second).sum((-1, -2)) / norm


def best(series: Series, calculated: Images, measured: Images, blurs: tuple[float, ...], bright: int) -> Agreement:
    """Of calculated images (R, T, H, W) of all thicknesses: where the mean r of all reflections is largest."""
    trials = []
    for blur in blurs:
        for i, thickness in enumerate(series.thickness):
            images = blurred(calculated[:, i], blur)
            trials.append(Agreement(thickness, blur, images, correlation(images, measured), bright))
    return max(trials, key=lambda trial: float(trial.r.mean()))


def compare(series: Series, hkl: list[tuple[int, int, int]], measured: Images, g_max: float) -> dict[str, Agreement]:
    """Agreements by kind of absorption, with and without a blur; prints their table."""
    bright = hkl.index((0, 0, 0))
    found = {}
    print(f"\n{series.formula}: {len(hkl)} reflections, g_max {g_max:g} 1/Å\n")
    print("| absorption | blur σ | thickness in nm | bright field | median | least |\n|---|---|---|---|---|---|")
    for absorption in ("tds", "none"):
        options = series.options | {"g_max": g_max, "absorption": absorption}
        calculated = dark_field(series.crystal, hkl, series.thickness, series.size, **options)  # type: ignore[arg-type]
        for name, blurs in (("blurred", series.blurs), ("sharp", (0.0,))):
            agreement = best(series, calculated.numpy().astype(np.float64), measured, blurs, bright)
            found[f"{absorption}, {name}"] = agreement
            print(f"| {absorption} | {agreement.row} |", flush=True)
    return found


def settings(words: list[str]) -> dict[str, str]:
    """Keys and values of the command line.

    Raises:
        UserError: a word is no key=value, or a key is none.
    """
    known = dict(word.split("=", 1) if "=" in word else ("", word) for word in words)
    if unknown := known.keys() - {"felix", "arrays", "output", "g_max"}:
        raise UserError(f"'{unknown.pop()}' is no setting; they are felix, arrays, output, g_max; {USAGE}")
    if ("felix" in known) == ("arrays" in known):
        raise UserError(USAGE)
    try:
        if not float(known.setdefault("g_max", "2.5")) > 0:
            raise ValueError
    except ValueError:
        raise UserError(f"g_max={known['g_max']} is not a positive number of 1/Å") from None
    return known


def main(words: list[str]) -> int:
    try:
        values = settings(words)
        source = Path(values.get("felix", values.get("arrays", "")))
        images = [each.of_felix(source) if "felix" in values else each.of_arrays(source) for each in SERIES]
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    folder = Path(values.get("output", "pictures"))
    folder.mkdir(parents=True, exist_ok=True)
    simulated = []
    for series, (hkl, measured) in zip(SERIES, images, strict=True):
        found = compare(series, hkl, measured, float(values["g_max"]))
        chosen = found["tds, blurred"]
        print("\n| reflection | r, blurred | r, not blurred |\n|---|---|---|")
        for index, r, sharp in zip(hkl, chosen.r, found["tds, sharp"].r, strict=True):
            print(f"| {' '.join(map(str, index))} | {r:.3f} | {sharp:.3f} |")
        path = folder / f"{series.formula}.png"
        draw_comparison(path, series.formula, hkl, measured, chosen.images, chosen.r)
        print(f"\n{path}")
        simulated.append((series, hkl, found["tds, sharp"]))
    draw_simulated(folder / "simulated.png", simulated)
    print(folder / "simulated.png")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
