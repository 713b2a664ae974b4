"""The measured series in the samples of Felix, and how each was recorded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lacbed_gan.base.errors import UserError
from lacbed_gan.crystal.crystal import Crystal
from lacbed_gan.crystal.site import Site

NAME = re.compile(r"_([+-]\d+)([+-]\d+)([+-]\d+)\.img")
NUMBERS = {8: "<f8", 4: "<f4", 2: "<u2"}  # by bytes a pixel


@dataclass(frozen=True)
class Series:
    """One crystal in one orientation: an image for each reflection, square, the same directions in all.

    Attributes:
        formula: that the names of files begin with.
        crystal: at room temperature, with B of its atoms.
        sample: folder of it in Felix's samples.
        arrays: name of the file that holds the same as ``hkl`` and ``image``.
        zone, x_axis: of the images.
        size: pixels along an edge.
        half_width: half an edge in 1/Å.
        thickness: in nm, that are tried.
        blurs: σ in pixels that are tried.
    """

    formula: str
    crystal: Crystal
    sample: str
    arrays: str
    zone: tuple[int, int, int]
    x_axis: tuple[int, int, int]
    size: int
    half_width: float
    thickness: tuple[float, ...]
    blurs: tuple[float, ...]

    @property
    def options(self) -> dict[str, object]:
        """Arguments of `dark_field` that say which directions the pixels are."""
        return {"zone": self.zone, "x_axis": self.x_axis, "window": "1/Å", "half_width": self.half_width}

    def of_felix(self, clone: Path) -> tuple[list[tuple[int, int, int]], NDArray[np.float64]]:
        """Reflections and images (R, size, size) from a clone of Felix; see `of_arrays`."""
        folder = clone / "samples" / self.sample
        found: dict[Path, dict[tuple[int, int, int], NDArray[np.float64]]] = {}
        for path in sorted(folder.rglob(f"{self.formula}_*.img")):
            match, content = NAME.search(path.name), path.read_bytes()
            kind = NUMBERS.get(len(content) // self.size**2)
            if match and kind and len(content) % self.size**2 == 0:
                image = np.frombuffer(content, kind).reshape(self.size, self.size).astype(np.float64)
                found.setdefault(path.parent, {})[tuple(map(int, match.groups()))] = image  # type: ignore[index]
        if not found:
            raise UserError(
                f"{folder}: no {self.formula}_+h+k+l.img of {self.size} × {self.size} pixels; "
                "felix=… is a clone of https://github.com/WarwickMicroscopy/Felix"
            )
        images = max(found.values(), key=len)
        return list(images), np.stack(list(images.values()))

    def of_arrays(self, folder: Path) -> tuple[list[tuple[int, int, int]], NDArray[np.float64]]:
        """Reflections and images (R, size, size): row is k_y, column is k_x, both rising."""
        path = folder / self.arrays
        if not path.is_file():
            raise UserError(f"{path}: no such file; arrays=… is a folder with {self.arrays}")
        with np.load(path) as content:
            hkl, images = content["hkl"], content["image"].astype(np.float64)
        return [tuple(row) for row in hkl.tolist()], images


GALLIUM_ARSENIDE = Crystal.from_sites(
    "GaAs", "F -4 3 m", 5.65325, [Site("Ga", (0, 0, 0), b_iso=0.6), Site("As", (0.25, 0.25, 0.25), b_iso=0.6)]
)
STRONTIUM_TITANATE = Crystal.from_sites(
    "SrTiO3",
    "P m -3 m",
    3.905,
    [Site("Sr", (0, 0, 0), b_iso=0.62), Site("Ti", (0.5, 0.5, 0.5), b_iso=0.44), Site("O", (0.5, 0.5, 0), b_iso=0.73)],
)
SERIES = (
    Series("GaAs", GALLIUM_ARSENIDE, "GaAs_long", "GaAs_m110.npz", (-1, 1, 0), (-1, -1, 0), 70, 0.7586,
           tuple(range(79, 90)), (1.45,)),
    Series("SrTiO3", STRONTIUM_TITANATE, "SrTiO3_short", "SrTiO3_001.npz", (0, 0, 1), (1, 0, 0), 128, 0.891344887,
           tuple(range(59, 70)), (0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5)),
)  # fmt: skip
