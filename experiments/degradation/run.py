"""What the way from the microscope to the network costs: measured patterns, each disturbance alone and all together.

    python experiments/degradation/run.py

Six crystals of fold 0 of the shipped store, which the shipped inverse network has not learnt from, 128 pixels to
±10/a, at the network's thickness. Told are a and the scale, nothing else. Prints and writes results.md; about three
minutes of one core. With `--crystals N` another number of crystals.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import disturbances
import numpy as np
import torch

from lacbed_gan.base.files import write_atomically
from lacbed_gan.data.folds import FOLDS, assign_folds
from lacbed_gan.measures.origin import origin_mse, origin_r
from lacbed_gan.predict.loading import load
from lacbed_gan.predict.predictor import Predictor
from lacbed_gan.store.packed import open_store
from lacbed_gan.store.store import Store

LARGEST_CELL = 8.0  # Å: of the larger ones ±10/a are small angles


def crystals(store: Store, count: int) -> list[int]:
    """Rows of crystals of fold 0, drawn by a fixed seed."""
    fold = assign_folds([entry["formula"] for entry in store.index], FOLDS)
    rows = [row for row in np.flatnonzero(fold == 0) if store.index[row]["a"] < LARGEST_CELL]
    return sorted(int(row) for row in np.random.default_rng(1).permutation(rows)[:count])


def unit(image: np.ndarray) -> torch.Tensor:
    return torch.as_tensor(np.ascontiguousarray(image)).float()[None]


def answer(network: Predictor, image: np.ndarray, a: float, align: bool = True) -> np.ndarray:
    """ρ of an image of which a and the scale are known."""
    return network.predict_potential(image, a, half_width=disturbances.HALF_WIDTH, align=align, fit=False).potential


def rank(potential: np.ndarray, row: int, store: Store, size: int) -> int:
    """Place of the true ρ among those of the store, by the error at the best origin; 1 is the nearest."""
    step = store.potential.shape[-1] // size
    others = torch.from_numpy(store.potential[:, ::step, ::step].astype(np.float32) / 255)
    errors = origin_mse(unit(potential).expand(len(others), -1, -1), others)
    return int((errors < errors[row]).sum()) + 1


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--crystals", type=int, default=6)
    count = parser.parse_args().crystals
    store, network = open_store("bundled"), load(direction="inverse")
    thickness = network.thicknesses[0]
    rows = crystals(store, count)
    clean = {row: disturbances.clean_image(store, store.index[row]["id"], thickness) for row in rows}
    step = store.potential.shape[-1] // network.size
    true = {row: store.potential[row][::step, ::step] / 255 for row in rows}
    names = ", ".join(store.index[row]["formula"] for row in rows)
    lines = [
        f"{len(rows)} crystals of fold 0: {names}; {disturbances.SIZE} pixels, ±{disturbances.HALF_WIDTH:g}/a, "
        f"{thickness:g} nm. R and MSE at the best origin; rank of the true ρ among the {len(store)} of the store.",
        "",
        "| | R median | R worst | MSE median · 10⁴ | rank median | rank 1 |",
        "|---" * 6 + "|",
    ]
    cases = {name: (disturb, True) for name, disturb in disturbances.ALONE.items()}
    cases["all together, nothing sought"] = (disturbances.everything, False)
    cases["noise alone, no pattern"] = (lambda image, rng: rng.random(image.shape), True)
    for name, (disturb, align) in cases.items():
        r, error, places = [], [], []
        for row in rows:
            image = disturb(clean[row], np.random.default_rng(row))
            potential = answer(network, image, store.index[row]["a"], align)
            pair = unit(potential), unit(true[row])
            r.append(float(origin_r(*pair)[0]))
            error.append(float(origin_mse(*pair)[0]))
            places.append(rank(potential, row, store, network.size))
        lines.append(
            f"| {name} | {np.median(r):.4f} | {min(r):.4f} | {1e4 * np.median(error):.3g} | {np.median(places):g} "
            f"| {sum(place == 1 for place in places)} of {len(places)} |"
        )
        print(lines[-1], *(f"{value:.4f}" for value in r), flush=True)
    write_atomically(Path(__file__).with_name("results.md"), "\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
