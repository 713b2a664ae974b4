"""Images from files of any kind that an instrument or a program writes, told apart by their content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lacbed_gan.diffraction.constants import wavelength
from lacbed_gan.images.felix_series import read_series
from lacbed_gan.images.file_kinds import SERIES, STRUCTURES, kind_of, prediction_inputs
from lacbed_gan.images.grey import ImageError, one_line, read_grey, require_size
from lacbed_gan.images.microscopy import read_microscopy
from lacbed_gan.images.signals import Signal, angles_of
from lacbed_gan.images.tiff import read_tiff

__all__ = ["STRUCTURES", "Frame", "Measured", "kind_of", "prediction_inputs", "read_images"]

Frame = int | Sequence[int] | None
LEAST = 8  # pixels along an edge
MASKED = 2**32 - 1  # of unsigned 32 bits: how pixel detectors mark pixels without a value


@dataclass(frozen=True)
class Measured:
    """Images of one file.

    Attributes:
        images: (T, H, W) float64, the file's own values; NaN where a pixel has none.
        pixel_size: 1/Å per pixel along a row where the file says so, else None.
        pixel_angle: radians per pixel along a row where the file says so, else None.
        aspect: step between two rows divided by that between two columns, as the file says; 1 for square pixels.
        centre: row and column of k = 0 as the file says, None where it does not.
        energy_kv: of the beam as the file says, None where it does not.
        a: cell edge in Å as a file beside it says, None where there is none.
        remarks: one line each: what was chosen of the file, and what of it was not understood.
    """

    images: np.ndarray
    pixel_size: float | None = None
    pixel_angle: float | None = None
    aspect: float = 1.0
    centre: tuple[float, float] | None = None
    energy_kv: float | None = None
    a: float | None = None
    remarks: tuple[str, ...] = ()

    def pixel_size_at(self, energy_kv: float) -> float | None:
        """1/Å per pixel, as the file says or of its angles λk at that beam energy in kV; None where it says neither."""
        if self.pixel_angle is None:
            return self.pixel_size
        return self.pixel_angle / wavelength(energy_kv)


def read_images(
    path: Path, frame: Frame = None, signal: str | int | Sequence[int] | None = None, mask: Path | None = None
) -> Measured:
    """The images of a file, one or several of one size.

    PNG and TIFF of 8, 16, 32 and 64 bits, grey, of one page or more; NPY (H, W) or (T, H, W); what microscopes write
    is read by RosettaSciIO; a folder of Felix's images is a series. Axes in 1/nm, 1/Å, mrad and the like are their
    calibration. Values that are not finite, transparent pixels and those that a mask names have no value.

    Args:
        frame: which image of several, from 0; (row, column) of a scan. None: all.
        signal: which array of several: its name, or its number from 0; indices of a reflection of Felix's series,
            whose direct beam is read unless another is named.
        mask: file of an image of the same size, not 0 at the pixels that do not count.

    Raises:
        ImageError: not an image, damaged, animated, too large, coloured, complex, of real space, or it holds several
            and none is chosen; one line with the name.
    """
    try:
        kind = kind_of(path)
        edge = None
        if kind in STRUCTURES:
            raise ImageError(f"is a {kind}, not an image")
        if kind == SERIES:
            series = read_series(path)
            signals, edge = series.signals, series.a
            signal = 0 if signal is None and signals[0].name == "0 0 0" else signal
        elif kind == "PNG":
            signals = [Signal(read_grey(path, transparent=True)[0])]
        elif kind == "TIFF":
            signals = read_tiff(path)
        elif kind == "NPY":
            signals = [Signal(_read_npy(path))]
        else:
            signals = read_microscopy(path, kind)
        measured = _measured(signals, frame, signal, edge)
    except ImageError as error:
        text = str(error)
        raise ImageError(text if text.startswith(f"{path}:") else f"{path}: {text}") from None
    if mask is not None:
        hidden = read_images(mask).images
        if hidden.shape[-2:] != measured.images.shape[-2:]:
            raise ImageError(f"{mask}: the mask has {hidden.shape[-2:]} pixels, {path} {measured.images.shape[-2:]}")
        measured.images[:, np.nan_to_num(hidden[0], nan=1.0) != 0] = np.nan
    return measured


def _measured(
    signals: list[Signal], frame: Frame, chosen: str | int | Sequence[int] | None, a: float | None
) -> Measured:
    signal, about = _signal(signals, chosen)
    data = signal.data
    if np.ndim(data) < 2 or min(data.shape) < 1 or min(data.shape[-2:]) < LEAST:
        raise ImageError(f"holds {data.shape}, not images of at least {LEAST} × {LEAST} pixels")
    if np.iscomplexobj(data):
        raise ImageError(
            "holds complex numbers, a wave or a transform and no intensities; save the square of their modulus"
        )
    if data.dtype.kind not in "buif":
        raise ImageError("holds values that are no finite real numbers")
    data, which = _frame(data, frame)
    require_size(data.size)
    images = np.array(data, dtype=np.float64)  # a copy: a file's map cannot be written
    if data.dtype == np.uint32:
        images[np.asarray(data) == MASKED] = np.nan
    if data.dtype.kind == "f":
        images[~np.isfinite(images)] = np.nan
        if np.isnan(images).all((1, 2)).any():
            raise ImageError("holds no finite real numbers")
    angles = angles_of(signal.axes, (images.shape[-2], images.shape[-1]))
    remarks = (*about, *which, *signal.remarks, *angles.remarks)
    return Measured(
        images, angles.pixel_size, angles.pixel_angle, angles.aspect, angles.centre, signal.energy_kv, a, remarks
    )


def _signal(signals: list[Signal], chosen: str | int | Sequence[int] | None) -> tuple[Signal, tuple[str, ...]]:
    names = [signal.name for signal in signals]
    if chosen is None and len(signals) == 1:
        return signals[0], ()
    listing = ", ".join(
        f"{number}{f' ({name})' if name else ''} {' × '.join(map(str, signal.data.shape))}"
        for number, (name, signal) in enumerate(zip(names[:12], signals, strict=False))
    )
    listing += ", …" if len(signals) > 12 else ""
    if chosen is None:
        raise ImageError(f"holds {len(signals)} signals; choose one with signal=: {listing}")
    wanted = " ".join(map(str, chosen)) if isinstance(chosen, Sequence) and not isinstance(chosen, str) else chosen
    if wanted in names:
        number = names.index(wanted)
    elif str(wanted).isdecimal() and int(wanted) < len(signals):
        number = int(wanted)
    else:
        raise ImageError(f"signal={wanted} is none of its signals: {listing}")
    return signals[number], (f"signal {names[number] or number}",)


def _frame(data: Any, frame: Frame) -> tuple[Any, tuple[str, ...]]:
    """(T, H, W) of (…, H, W), and what was chosen."""
    counts = data.shape[:-2]
    total = int(np.prod(counts, dtype=np.int64))
    example = "frame=0" if len(counts) == 1 else f"frame=[{','.join('0' * len(counts))}]"
    if frame is None:
        if len(counts) > 1 and total > 1:
            raise ImageError(f"holds {data.shape}, {total} images; choose one, such as {example}")
        return data.reshape(total, *data.shape[-2:]), ()
    places = (frame,) if isinstance(frame, int) else tuple(frame)
    if len(places) == 1 and len(counts) != 1 and 0 <= places[0] < total:
        places = tuple(int(i) for i in np.unravel_index(places[0], counts)) if counts else ()
    if len(places) != len(counts) or not all(0 <= i < n for i, n in zip(places, counts, strict=True)):
        last = ", ".join(str(n - 1) for n in counts) or "0"
        raise ImageError(f"frame={frame} is not in the file, which has those up to {last}, counted from 0")
    words = ", ".join(map(str, places)) or "0"
    return data[places][None], (f"frame {words} of {' × '.join(map(str, counts)) or 1}",)


def _read_npy(path: Path) -> np.ndarray:
    with one_line():  # mapped: a header that claims more than the file holds allocates nothing
        return np.load(path, mmap_mode="r", allow_pickle=False)
