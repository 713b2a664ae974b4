"""What happens to a pattern on its way to a file: each disturbance turns a clean image into a measured one."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch

from lacbed_gan.diffraction.from_potential import bright_field_at, coefficients
from lacbed_gan.diffraction.net import Net
from lacbed_gan.diffraction.window import Window
from lacbed_gan.images.symmetry import unfold
from lacbed_gan.predict.physics_check import periodic_image
from lacbed_gan.store.recipe import Recipe
from lacbed_gan.store.store import Store

SIZE, HALF_WIDTH = 128, 10.0  # pixels and 1/a of the images
OFF, DOWN, RIGHT = 10, 8, -6  # pixels: 8 rows down and 6 columns to the left
TURN, COUNTS = 17.0, 100  # degrees, counts at the largest intensity
RADIUS = 0.96  # of half an edge: the aperture
HOT = 30.0  # times the largest intensity
Disturbance = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def off_centre(image: np.ndarray, _: np.random.Generator) -> np.ndarray:
    """The zone axis lies 10 pixels from the middle; what comes in at the edges is like what was there."""
    wide = np.pad(image, OFF, mode="reflect")
    return wide[OFF - DOWN : OFF - DOWN + SIZE, OFF - RIGHT : OFF - RIGHT + SIZE]


def turned(image: np.ndarray, _: np.random.Generator) -> np.ndarray:
    """Turned by 17° counter-clockwise."""
    y, x = np.meshgrid(*[np.arange(SIZE) - (SIZE - 1) / 2] * 2, indexing="ij")
    angle = math.radians(TURN)
    columns, rows = x * math.cos(angle) - y * math.sin(angle), y * math.cos(angle) + x * math.sin(angle)
    grid = np.stack([columns, rows], -1) / (SIZE / 2)
    options = {"mode": "bicubic", "padding_mode": "reflection", "align_corners": False}
    return torch.nn.functional.grid_sample(
        torch.from_numpy(np.ascontiguousarray(image))[None, None], torch.from_numpy(grid)[None], **options
    )[0, 0].numpy()


def aperture(image: np.ndarray, _: np.random.Generator) -> np.ndarray:
    """Dark beyond a circle."""
    middle = (SIZE - 1) / 2
    y, x = np.ogrid[:SIZE, :SIZE]
    return np.where(np.hypot(y - middle, x - middle) <= RADIUS * SIZE / 2, image, 0.0)


def hot_pixel(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One pixel of thirty times the largest intensity."""
    image = image.copy()
    image[tuple(rng.integers(SIZE // 4, 3 * SIZE // 4, 2))] = HOT * image.max()
    return image


def noise(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Poisson's, of 100 counts at the largest intensity."""
    return rng.poisson(COUNTS * np.clip(image, 0, None) / image.max()).astype(float)


def background(image: np.ndarray, _: np.random.Generator) -> np.ndarray:
    """A slope of a fifth of the largest intensity from edge to edge, on a constant of as much."""
    y, x = np.meshgrid(*[np.linspace(-0.5, 0.5, SIZE)] * 2, indexing="ij")
    return image + image.max() * (0.2 + 0.2 * (0.8 * x + 0.6 * y))


def everything(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """All of them, in the order in which they come about; the hot pixel and the noise are the camera's."""
    image = background(off_centre(turned(image, rng), rng), rng)
    return hot_pixel(noise(aperture(image, rng), rng), rng)


ALONE: dict[str, Disturbance] = {
    "none": lambda image, _: image,
    f"centre {OFF} px off": off_centre,
    f"turned by {TURN:g}°": turned,
    "aperture, dark corners": aperture,
    "one hot pixel": hot_pixel,
    f"Poisson, {COUNTS} counts": noise,
    "background and slope": background,
    "all together": everything,
}


def clean_image(store: Store, name: str, thickness: float, g_max: float | None = None) -> np.ndarray:
    """(SIZE, SIZE) intensities to ±HALF_WIDTH reciprocal lattice units, by the exact calculation from the stored ρ.

    Args:
        name: id of a crystal of the store.
        thickness: in nm.
        g_max: cut-off of the beams in 1/Å; None: that of the store.
    """
    recipe = Recipe.of_meta(store.meta)
    row = next(row for row, entry in enumerate(store.index) if entry["id"] == name)
    entry = store.index[row]
    waves = coefficients(periodic_image(store.potential[row] / 255, recipe))
    rows, columns = np.meshgrid(*[np.arange(SIZE // 2, SIZE)] * 2, indexing="ij")
    quarter = bright_field_at(
        waves,
        entry["rho_max"] - entry["rho_min"],
        Net.square(entry["a"]),
        [thickness],
        (rows.ravel(), columns.ravel()),
        Window(SIZE, HALF_WIDTH),
        g_max=g_max or recipe.usual_g_max,
        energy_kv=recipe.energy_kv,
        absorption_ratio=recipe.absorption_ratio if recipe.absorption == "proportional" else 0.0,
    )
    return unfold(quarter[0].reshape(rows.shape).numpy().astype(float), SIZE)
