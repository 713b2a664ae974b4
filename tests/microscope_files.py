"""Files as microscopes' programs write them, by RosettaSciIO's own writers."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

WRITERS = {"hspy": "rsciio.hspy", "emd": "rsciio.emd", "blo": "rsciio.blockfile"}


def write_signal(path: Path, kind: str, image: np.ndarray, scale: float = 0.4, units: str = "1/nm") -> None:
    """One image, (H, W) or with axes of a scan before them, with the calibration of its pixels."""
    axes = [
        {
            "_type": "UniformDataAxis",
            "name": name,
            "size": size,
            "scale": 1.0 if navigate else scale,
            "offset": 0.0,
            "units": "nm" if navigate else units,
            "navigate": navigate,
            "index_in_array": place,
        }
        for place, (size, name) in enumerate(zip(image.shape, ("y", "x", "ky", "kx")[-image.ndim :], strict=True))
        for navigate in [place < image.ndim - 2]
    ]
    signal: dict[str, Any] = {
        "data": image,
        "axes": axes,
        "metadata": {"General": {"title": "pattern"}, "Signal": {"signal_type": ""}},
        "original_metadata": {},
        "package_info": {"package": "hyperspy", "package_version": "2.0"},
        "attributes": {"_lazy": False, "ragged": False},
        "learning_results": {},
        "models": {},
        "tmp_parameters": {},
    }
    import_module(WRITERS[kind]).file_writer(str(path), signal)
