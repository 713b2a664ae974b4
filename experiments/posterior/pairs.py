"""Two crystals with nearly the same pattern: are both among the samples of one of them?

    python experiments/posterior/pairs.py CHECKPOINT STORE [STORE ...]

Of all crystals of the stores, those pairs whose patterns differ least beside the difference of their ρ; from each
pattern 256 samples. Where a sample lies between the two is its place on the line from one ρ, 0, to the other, 1. Prints
a line a pair and draws pairs.png beside this file.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

import lacbed_gan as lg
from lacbed_gan.images.reduction import reduced_pattern, reduced_potential
from lacbed_gan.measures.metrics import mse
from lacbed_gan.measures.origin import aligned
from lacbed_gan.store.packed import open_store

HERE = Path(__file__).parent
PAIRS, SAMPLES = 6, 256
NEAR = 5e-4  # MSE of patterns


def main(checkpoint: str, files: list[str]) -> None:
    torch.set_num_threads(1)
    network = lg.load(checkpoint)
    stores = [open_store(file) for file in files]
    index = [entry for store in stores for entry in store.index]
    time = stores[0].thickness.index(network.thicknesses[0])
    images = [reduced_pattern(np.asarray(store.pattern[:, time]), network.size) for store in stores]
    pattern = torch.from_numpy(np.concatenate(images)).float() / 255
    potential = np.concatenate(
        [reduced_potential(np.asarray(store.potential), network.size, "canonical") for store in stores]
    )
    half = pattern.shape[-1] // 2
    flat = pattern[:, half:, half:].flatten(1)
    square = flat.square().sum(1)
    distance = (square[:, None] + square - 2 * flat @ flat.T) / flat.shape[1]
    distance[torch.ones_like(distance, dtype=torch.bool).tril()] = torch.inf
    first, second = torch.nonzero(distance < NEAR, as_tuple=True)
    places = torch.unique(torch.cat([first, second]))
    images = torch.zeros(len(pattern), *pattern.shape[1:])
    images[places] = torch.from_numpy(potential[places.numpy()]).float() / 255
    apart = mse(images[first], aligned(images[first], images[second]))
    order = (apart / (distance[first, second] + 1e-4)).argsort(descending=True)
    figure = Figure(figsize=(10, 2.6 * -(-PAIRS // 2)), layout="constrained")
    panels = figure.subplots(-(-PAIRS // 2), 2).ravel()
    used: set[int] = set()
    chosen = []
    for number in order.tolist():
        i, j = int(first[number]), int(second[number])
        if not {i, j} & used and len(chosen) < PAIRS:
            used |= {i, j}
            chosen.append((i, j, number))
    for axes, (i, j, number) in zip(panels, chosen, strict=False):
        names = [f"{index[k]['formula']} ({index[k]['space_group']}, {index[k]['a']:.3g} Å)" for k in (i, j)]
        near, shares = images[i], []
        far = aligned(images[i][None], images[j][None])[0]
        for k, colour in ((i, "tab:blue"), (j, "tab:orange")):
            samples = torch.from_numpy(network.sample(pattern[k].numpy(), index[k]["a"], SAMPLES, align=False).images)
            place = ((samples - near) * (far - near)).sum((1, 2)) / (far - near).square().sum()
            axes.hist(place.numpy(), bins=40, alpha=0.6, color=colour, label=f"samples of {names[k == j]}")
            shares.append(float((place > 0.5).float().mean()))
        axes.axvline(0, color="tab:blue")
        axes.axvline(1, color="tab:orange")
        axes.set(xlabel="place between the two ρ", ylabel="samples")
        axes.legend(fontsize=7)
        print(
            f"{names[0]} and {names[1]}: patterns {1e4 * distance[i, j]:.2f}e-4, ρ {1e4 * apart[number]:.2f}e-4 apart; "
            f"nearer to the second: {shares[0]:.0%} of the samples of the first, {shares[1]:.0%} of the second"
        )
    figure.savefig(HERE / "pairs.png", dpi=110)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
