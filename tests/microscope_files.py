"""Files as microscopes' programs write them, by RosettaSciIO's own writers."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

WRITERS = {"hspy": "rsciio.hspy", "emd": "rsciio.emd", "blo": "rsciio.blockfile"}


def write_signal(path: Path, kind: str, image: np.ndarray, scale: float = 0.4, units: str = "1/nm") -> None:
    """One image, (H, W) or with axes of a scan before them, with the calibration of its pixels."""
    write_axes(path, kind, image, [(scale, 0.0, units)] * 2)


def write_axes(
    path: Path,
    kind: str,
    image: np.ndarray,
    pixels: list[tuple[float, float, str]],
    *,
    title: str = "pattern",
    beam_energy: float | None = None,
) -> None:
    """As `write_signal`, with scale, offset and unit of rows and of columns, and the beam's energy in kV."""
    axes = [
        {
            "_type": "UniformDataAxis",
            "name": name,
            "size": size,
            "scale": scale,
            "offset": offset,
            "units": units,
            "navigate": place < image.ndim - 2,
            "index_in_array": place,
        }
        for place, (size, name, (scale, offset, units)) in enumerate(
            zip(
                image.shape,
                ("y", "x", "ky", "kx")[-image.ndim :],
                [(1.0, 0.0, "nm")] * (image.ndim - 2) + list(pixels),
                strict=True,
            )
        )
    ]
    metadata: dict[str, Any] = {"General": {"title": title}, "Signal": {"signal_type": ""}}
    if beam_energy is not None:
        metadata["Acquisition_instrument"] = {"TEM": {"beam_energy": beam_energy}}
    signal: dict[str, Any] = {
        "data": image,
        "axes": axes,
        "metadata": metadata,
        "original_metadata": {},
        "package_info": {"package": "hyperspy", "package_version": "2.0"},
        "attributes": {"_lazy": False, "ragged": False},
        "learning_results": {},
        "models": {},
        "tmp_parameters": {},
    }
    import_module(WRITERS[kind]).file_writer(str(path), signal)
