"""Files that programs of microscopes write, by RosettaSciIO."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lacbed_gan.base.messages import printable
from lacbed_gan.images.grey import ImageError
from lacbed_gan.images.signals import Axis, Signal

# Readers of RosettaSciIO, in the order in which they are tried.
READERS = {"HDF5": ("hspy", "emd"), "DM": ("digitalmicrograph",), "MRC": ("mrc",), "BLO": ("blockfile",)}
LENGTHS_ONLY = ("MRC", "BLO")  # formats that have no other unit, whatever the image is of
MICROSCOPY = "pip install 'lacbed_gan[microscopy]'"
IMOD_STAMP, IMOD_PLACE, SIGNED_BYTES = 1146047817, 152, 1  # of an MRC header: the flags follow the stamp


def read_microscopy(path: Path, kind: str) -> list[Signal]:
    """The signals of a file that are images, in the order of the file.

    Raises:
        ImageError: RosettaSciIO is missing or cannot read it.
    """
    if importlib.util.find_spec("rsciio") is None:
        raise ImageError(f"{kind} files are read by RosettaSciIO, which is not installed; {MICROSCOPY}")
    reasons = []
    for name in READERS[kind]:
        try:
            reader = importlib.import_module(f"rsciio.{name}")
            entries = [entry for entry in reader.file_reader(str(path)) if np.ndim(entry["data"]) >= 2]
        except Exception as error:  # whatever its readers raise on a file of another program
            reasons.append(f"{name}: {printable(error, 80) or type(error).__name__}")
            continue
        if entries:
            return [_signal(entry, path, kind) for entry in entries]
        reasons.append(f"{name}: no image in it")
    raise ImageError(f"cannot be read ({'; '.join(reasons)})")


def _signal(entry: Mapping[str, Any], path: Path, kind: str) -> Signal:
    data, metadata = entry["data"], entry.get("metadata", {})
    axes = tuple(_axis(axis) for axis in entry["axes"][-2:])
    remarks: tuple[str, ...] = ()
    if kind in LENGTHS_ONLY:
        axes = ()
        if kind == "MRC" and data.dtype == np.uint8 and _signed(path):
            data, remarks = data.view(np.int8), ("its bytes are signed, as the MRC format has them",)
    energy = _at(metadata, "Acquisition_instrument", "TEM", "beam_energy")
    energy = float(energy) if isinstance(energy, int | float | np.number) and energy > 0 else None
    title = _at(metadata, "General", "title")
    name = title if isinstance(title, str) else ""
    return Signal(data, name, (axes[0], axes[1]) if len(axes) == 2 else None, energy, remarks)


def _axis(axis: Mapping[str, Any]) -> Axis:
    unit = axis.get("units")
    return Axis(float(axis.get("scale") or 0.0), float(axis.get("offset") or 0.0), "" if unit is None else str(unit))


def _signed(path: Path) -> bool:
    """Whether bytes of an MRC file are signed: as the format says, unless IMOD says otherwise of its own file."""
    with open(path, "rb") as file:
        header = file.read(256)
    big = header[212:213] == b"\x11"
    mode = np.frombuffer(header, ">i4" if big else "<i4", 1, 12)[0]
    stamp, flags = np.frombuffer(header, ">i4" if big else "<i4", 2, IMOD_PLACE)
    return bool(mode == 0 and (stamp != IMOD_STAMP or flags & SIGNED_BYTES))


def _at(values: Any, *names: str) -> Any:
    for name in names:
        values = values.get(name) if isinstance(values, Mapping) else None
    return values
