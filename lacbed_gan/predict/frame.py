"""Where the pixels of patterns and of ρ lie: the axes of every picture of a prediction."""

from __future__ import annotations

from dataclasses import dataclass

from lacbed_gan.diffraction.net import Net
from lacbed_gan.diffraction.window import Window
from lacbed_gan.store.recipe import Recipe


@dataclass(frozen=True)
class Frame:
    """Coordinates of an image's pixels, the same along both edges: pixel i lies at (i − origin) · pixel.

    Attributes:
        size: pixels along an edge.
        pixel: distance of two pixels in `unit`.
        origin: row and column at which both coordinates are 0, from 0.
        unit: ``1/Å`` and ``Å``; ``1/a`` and ``a`` where the cell edge is not known.
        axes: names of the coordinates of columns and rows, such as ``("k_x", "k_y")``.
    """

    size: int
    pixel: float
    origin: float
    unit: str
    axes: tuple[str, str]

    @property
    def extent(self) -> tuple[float, float]:
        """Coordinates of the outer edges of the first and the last pixel."""
        return (-0.5 - self.origin) * self.pixel, (self.size - 0.5 - self.origin) * self.pixel


def pattern_frame(recipe: Recipe, size: int, a: float | None) -> Frame:
    """Of a pattern with that many pixels, for a crystal with cell edge a (Å)."""
    pixel = Window(size, recipe.half_width).pixel_size(Net.square(a or 1.0))[0]
    return Frame(size, pixel, (size - 1) / 2, "1/a" if a is None else "1/Å", ("k_x", "k_y"))


def potential_frame(recipe: Recipe, size: int, a: float | None) -> Frame:
    """Of ρ with that many pixels, every n-th of those that the recipe samples, over the cell with edge a (Å)."""
    pixel = recipe.potential_step(size) * Net.square(a or 1.0).edges[0]
    return Frame(size, pixel, 0.0, "a" if a is None else "Å", ("x", "y"))
