"""An inverse network for patterns as wide as the measured one of SrTiO₃, of any thickness from 40 to 120 nm.

    python -m lacbed_gan.simulate structures=bundled count=342 size=32 half_width=3.5 g_max=2.25 absorption=tds \\
        thickness=[40,50,60,70,80,90,100,110,120] output=stores/near
    python experiments/measured/train.py stores/near near.safetensors [epochs=40] [SETTING=…]

Of another store, such as one of the table of `perovskites.py`, likewise.

The settings are those of `lacbed_gan.train augment.measured=true`; steps alone are taken here, as in
`experiments/series`. Crystals of fold 0 and SrTiO₃ are left out. Printed is what the network makes of the validation
part, disturbed, at 60 nm: errors, and ranks of the truth among the store's crystals with the same cell edge.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "series"))
import run as series

from lacbed_gan.data.structure_type import structure_type
from lacbed_gan.images.scaling import to_unit
from lacbed_gan.measures.origin import origin_mse
from lacbed_gan.predict.identification.identification import A_TOLERANCE

STRONTIUM_TITANATE = "O3SrTi"
PEROVSKITE = "221 ABC3"
JUDGED = 60.0  # nm


def judged(fit: series.SeriesFit, kind: str = "") -> str:
    """Errors and ranks of the validation part, or of a structure type of it."""
    index, times = fit.data.store.index, fit.data.thicknesses
    rows = [row for row in fit.data.validation_rows if kind in ("", structure_type(index[row]))]
    if not rows:
        return f"validation, {kind}: none"
    numbers = series.case_numbers(len(rows), series.CASES["all but absorption"])  # the pairs have absorption
    fit.numbers = lambda _: numbers
    batch = fit.batch(torch.tensor(rows) * len(times) + times.index(JUDGED))
    answer = fit.answers(batch["input"], batch["condition"])
    error, stack = origin_mse(answer, batch["target"]), to_unit(fit.images.potential)
    a, ranks, known = np.array([entry["a"] for entry in index]), [], []
    for row, image, limit in zip(rows, answer, error, strict=True):
        near = np.flatnonzero(np.abs(a / a[row] - 1) <= A_TOLERANCE)
        others = stack[near[near != row]]
        ranks.append(1 + int((origin_mse(image.expand_as(others), others) < limit).sum()))
        known.append(len(near))
    middle, count, best = np.median(ranks), np.median(known), np.mean(np.array(ranks) <= 20)
    errors = f"MSE · 10⁴ mean {1e4 * error.mean():.1f}, median {1e4 * error.median():.2f}"
    ranked = f"rank: median {middle:.0f} of {count:.0f}, 20 or better {best:.0%}"
    return f"validation, {len(rows)} {kind or 'crystals'}: {errors}; {ranked}"


def main(store: str, path: str, *settings: str) -> None:
    epochs = next((word for word in settings if word.startswith("epochs=")), "epochs=40")
    words = ["direction=inverse", "thickness=all", f"store={store}", "condition=cell", "origin=canonical"]
    words += ["augment.measured=true", f"augment.absorbing={store}", *(word for word in settings if word != epochs)]
    fit = series.SeriesFit(words, 0, without={STRONTIUM_TITANATE})
    fit.times = len(fit.data.thicknesses)  # an item is a crystal at one of them
    fit.run(float("inf"), float(epochs.removeprefix("epochs=")), size=64)
    print(f"{path}: {len(fit.rows)} crystals, {fit.epochs:.0f} epochs, {fit.seconds:.0f} s")
    print(judged(fit), judged(fit, PEROVSKITE), sep="\n")
    fit.save(Path(path))


if __name__ == "__main__":
    main(*sys.argv[1:])
