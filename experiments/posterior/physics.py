"""What weights by physics give: samples of held-out crystals weighed by the exact calculation of their patterns.

    python experiments/posterior/physics.py STORE CHECKPOINT [CRYSTALS]

CHECKPOINT is of a network that draws, trained on STORE; the crystals are of its test fold, whose patterns get the
noise of 1,000 electrons at the brightest pixel. Adds a row a crystal to physics.csv beside this file, up to a minute
each, and prints means. Seconds are of one core. Residuals are root mean squares over the pixels compared, chi2 the sums
of squares in units of the noise that is stated; ``needed`` is the noise, in place of the stated one, with which ten
samples would count.
"""

from __future__ import annotations

import csv
import sys
import time
from pathlib import Path

import numpy as np
import torch

import lacbed_gan as lg
from lacbed_gan.base.files import write_atomically
from lacbed_gan.base.tables import to_csv
from lacbed_gan.data.sources import describe_pairs
from lacbed_gan.images.reduction import reduced_pattern, reduced_potential
from lacbed_gan.measures.origin import origin_mse
from lacbed_gan.predict.physics_check import coarse_pixels
from lacbed_gan.predict.weighing import DISCREPANCY, GRID, pattern_of
from lacbed_gan.store.packed import open_store

HERE = Path(__file__).parent
COUNTS = 1000.0
ENOUGH = 10.0  # samples that count


def error_of(truth: np.ndarray, image: np.ndarray) -> float:
    """MSE of ρ (n, n) at the best origin."""
    return float(origin_mse(*(torch.from_numpy(x.astype(np.float32))[None] for x in (image, truth))))


def weights_of(residual: np.ndarray, noise: float) -> np.ndarray:
    """Of samples by their residuals (n,), for independent errors of `GRID`² pixels."""
    weights = np.exp(-0.5 * GRID**2 * (residual**2 - residual.min() ** 2) / noise**2)
    return weights / weights.sum()


def noise_for(residual: np.ndarray) -> float:
    """The noise with which `ENOUGH` samples count, by halving."""
    low, high = 1e-4, 10.0
    for _ in range(50):
        middle = (low * high) ** 0.5
        few = 1 / np.square(weights_of(residual, middle)).sum() < ENOUGH
        low, high = (middle, high) if few else (low, middle)
    return high


def main(file: str, checkpoint: str, crystals: int) -> None:
    torch.set_num_threads(1)
    network, store = lg.load(checkpoint), open_store(file)
    settings = network._trained.config["settings"]
    fold_of = describe_pairs(file, settings["data"]).fold_of
    rows = np.flatnonzero(fold_of == settings["fold"])
    rows = rows[np.linspace(0, len(rows) - 1, crystals).round().astype(int)]
    (thickness,) = network.thicknesses
    split = settings["data"]["group"]
    path = HERE / "physics.csv"
    table = list(csv.DictReader(path.open(encoding="utf-8"))) if path.exists() else []
    random = np.random.default_rng(0)
    for row in rows:
        entry = store.index[row]
        image = store.pattern[row, store.thickness.index(thickness)][None]
        pattern = reduced_pattern(np.asarray(image), network.size)[0] / 255.0
        noisy = pattern + np.sqrt(pattern / COUNTS) * random.standard_normal(pattern.shape)
        if any(line["split"] == split and line["id"] == entry["id"] for line in table):
            continue
        truth = reduced_potential(np.asarray(store.potential[row])[None], network.size, "canonical")[0] / 255.0
        began = time.process_time()
        network.sample(noisy, entry["a"], 64, align=False)
        drawn = time.process_time()
        samples = network.sample(noisy, entry["a"], 64, weigh=True, counts=COUNTS, align=False)
        seconds = {"seconds": drawn - began, "seconds_weighed": time.process_time() - drawn}
        measured = samples.residual
        line = {"split": split, "id": entry["id"], "formula": entry["formula"]} | seconds
        line |= {"effective": samples.effective_number, "least_residual": float(measured.min())}
        line |= {"median_residual": float(np.median(measured))}
        line |= {
            "mean_mse": error_of(truth, samples.images.mean(0)),
            "weighed_mse": error_of(truth, samples.weighed_mean),
        }
        line |= {"picked_mse": error_of(truth, samples.images[measured.argmin()])}
        errors = [error_of(truth, image) for image in samples.images]
        line |= {"one_mse": float(np.mean(errors)), "best_mse": min(errors)}
        line["needed"] = needed = noise_for(measured)
        line["mse_needed"] = error_of(truth, np.tensordot(weights_of(measured, needed), samples.images, 1))
        span = entry["rho_max"] - entry["rho_min"]
        pixels, size = coarse_pixels(len(pattern), GRID), len(pattern)
        exact = pattern_of(truth, span, entry["a"], store.recipe, (thickness,), pixels, size)[0]
        slope, offset = np.polyfit(exact, pattern[pixels], 1)
        line["true_residual"] = float(np.sqrt(np.mean((slope * exact + offset - pattern[pixels]) ** 2)))
        variance = float(np.mean(pattern[pixels].clip(0)) / (4 * COUNTS) + DISCREPANCY**2)
        line["noise"] = variance**0.5
        for name in ("true", "least", "median"):
            line[f"{name}_chi2"] = GRID**2 * line[f"{name}_residual"] ** 2 / variance
        table.append(line)
        write_atomically(path, to_csv(table))
    names = [name for name in table[0] if name not in ("id", "formula", "split")]
    shown = [{name: float(line[name]) for name in names} for line in table if line["split"] == split]
    print(f"{split}: {len(shown)} crystals")
    for name in shown[0]:
        values = [line[name] for line in shown]
        print(f"{name}: mean {np.mean(values):.3g}, median {np.median(values):.3g}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 12)
