"""Dark-field patterns as a store keeps them: 8 bit, and the range that each had; older stores kept floats."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lacbed_gan.images.scaling import to_uint8, to_unit

FORBIDDEN = 1e-7  # of the incident beam: what no beam reaches stays below it


@dataclass(frozen=True)
class DarkFields:
    """Patterns of G reflections of N crystals at T thicknesses.

    Attributes:
        images: (N, G, T, H, W) uint8, each scaled from its minimum to its maximum.
        range: (N, G, T, 2) float32, those minima and maxima, as shares of the incident beam.
    """

    images: np.ndarray
    range: np.ndarray

    @classmethod
    def of(cls, intensity: np.ndarray) -> DarkFields:
        """From intensities (…, H, W) as shares of the incident beam; empty images where a reflection is forbidden."""
        ends = np.stack([intensity.min((-2, -1)), intensity.max((-2, -1))], -1).astype(np.float32)
        ends[ends[..., 1] < FORBIDDEN] = 0
        images = np.empty(intensity.shape, np.uint8)
        for place in np.ndindex(*intensity.shape[:-2]):  # one at a time: a memory map may be larger than the memory
            images[place] = to_uint8(intensity[place]) if ends[place][1] else 0
        return cls(images, ends)

    @classmethod
    def kept(cls, images: np.ndarray, ends: np.ndarray | None) -> DarkFields:
        """From the arrays of a store: 8 bit and their range, or, of one of before, intensities alone."""
        return cls.of(images) if ends is None else cls(images, ends)

    @property
    def forbidden(self) -> np.ndarray:
        """(N, G) which reflections have no beam: centring or a glide plane extinguishes them."""
        highest: np.ndarray = self.range[..., 1].max(-1)
        return np.equal(highest, 0)

    def intensity(self, row: int) -> np.ndarray:
        """(G, T, H, W) float32: of one crystal, as shares of the incident beam, to a 255th of each one's range."""
        low, high = self.range[row, ..., 0, None, None], self.range[row, ..., 1, None, None]
        return low + to_unit(np.asarray(self.images[row])) * (high - low)
