"""What disturbances cost the inverse network and what training on them gains, and what dark fields as channels gain.

    python experiments/series/absorbing.py 400 stores/tds
    python experiments/series/run.py disturbances stores/tds
    python -m lacbed_gan.simulate structures=bundled count=1000 size=64 g_max=2.25 \\
        dark_field=[[1,1],[2,0],[2,2],[4,0]] output=stores/series
    python experiments/series/run.py reflections stores/series

Networks are trained by the error alone, as in `experiments/weights`, on nine folds but for the validation part, and
judged on the tenth: of reflections fold 0, of disturbances two of them. What is measured goes into results.json here;
what that has is not done again. `table.py` prints the tables of disturbances.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1] / "weights"))
from fit import Fit

from lacbed_gan.base.files import write_atomically
from lacbed_gan.data import disturbances
from lacbed_gan.data.batches import PairDataset
from lacbed_gan.data.measuring import Measuring
from lacbed_gan.images.filling import smoothly_filled
from lacbed_gan.images.scaling import MASKED
from lacbed_gan.measures.origin import origin_mse, origin_r
from lacbed_gan.models.inference import predict

RESULTS = Path(__file__).parent / "results.json"
SEEDS = (0, 1, 2)
FOLDS = (0, 4)  # of disturbances
CLEAN, ALL = "clean", "clean, all test crystals"  # those without a pair with absorption too
WORDS = ["direction=inverse", "size=32", "validation=part", "origin=canonical", "model.generator.width=256"]
SETS: dict[str, list[list[int]]] = {
    "bright field": [],
    "with 2 0 0, 1 1 0, 2 2 0, 4 0 0": [[2, 0], [1, 1], [2, 2], [4, 0]],
    "with 2 0 0": [[2, 0]],
}
NEUTRAL = {
    "absorbed": 1.0, "blur": 0.0, "scale": 0.5, "row": 0.5, "column": 0.5, "background": 0.0, "slope_row": 0.5,
    "slope_column": 0.5, "counts": 1.0, "window": 1.0, "aperture": 1.0, "left": 1.0,
}  # fmt: skip
PLAIN, DISTURBED, LONGER = "clean", "disturbed, three times as long", "clean, three times as long"
DECAYED = "disturbed, three times as long, weight decay 0.3"
LENGTHS = {PLAIN: 40, DISTURBED: 120, DECAYED: 120, LONGER: 120}  # epochs
DECAY = {DECAYED: 0.3}
# name → the disturbances that are drawn; absorption by itself leaves the rest of the pattern
CASES: dict[str, tuple[str, ...]] = {
    "blur": ("blur",),
    "scale and centre": ("scale", "row", "column"),
    "noise, background, slope": ("counts", "background", "slope_row", "slope_column"),
    "window and aperture": ("window", "aperture"),
    "absorption": ("absorption",),
    "all but absorption": tuple(name for name in NEUTRAL if name not in ("absorbed", "left")),
    "all": (*(name for name in NEUTRAL if name not in ("absorbed", "left")), "absorption"),
}


class SeriesFit(Fit):
    """A fit whose batches are those of the data module, with disturbances that follow from the seed."""

    def __init__(self, words: Sequence[str], seed: int, **arguments: Any):
        torch.manual_seed(seed)
        super().__init__([*words, f"seed={seed}"], **arguments)
        generator = torch.Generator().manual_seed(seed)
        self.numbers = lambda items: disturbances.draw(len(items), generator)

    def batch(self, items: Tensor) -> dict[str, Tensor]:
        measuring = None
        if self.data.measured:
            measuring = Measuring.of(self.data.store, lambda rows: self.numbers(rows))
        count = len(self.data.store) * (len(self.data.thicknesses) if self.data.measured else 1)
        return PairDataset(self.images, "inverse", torch.arange(count), None, measuring).__getitems__(items.tolist())

    @torch.no_grad()
    def answers(self, image: Tensor, condition: Tensor | None) -> Tensor:
        return predict(self.average.eval(), image, condition)


def case_numbers(count: int, drawn: Sequence[str]) -> Tensor:
    """The same random numbers for each case, but neutral ones for what is not drawn in it."""
    numbers = disturbances.draw(count, torch.Generator().manual_seed(100))
    for name, value in NEUTRAL.items():
        if name not in drawn:
            numbers[:, disturbances.NAMES.index(name)] = value
    if "absorption" in drawn:
        numbers[:, disturbances.NAMES.index("absorbed")] = 0.0
    if set(drawn) <= {"absorption"}:
        numbers[:, disturbances.NAMES.index("left")] = 0.0
    return numbers


def filled(images: Tensor) -> Tensor:
    """With what was not measured going on smoothly, as networks that know no masks are given it."""
    whole = np.where(images.numpy() == np.float32(MASKED), np.nan, images.numpy())
    return torch.from_numpy(np.stack([smoothly_filled(image[0])[None] for image in whole])).float()


def judged(answer: Tensor, target: Tensor) -> dict[str, list[float]]:
    """Means and medians over images, at the best origin."""
    error, r = origin_mse(answer, target), origin_r(answer, target)
    return {"mse": [float(error.mean()), float(error.median())], "r": [float(r.mean()), float(r.median())]}


def of_disturbances(store: str, done: Sequence[dict[str, Any]] = ()) -> Iterator[dict[str, Any]]:
    """Networks of clean and of disturbed patterns on clean and on disturbed ones, 50 nm, 32²; without what is done."""
    there = {(row["network"], row["fold"], row["seed"]) for row in done}
    images = None
    for fold, seed, name in sorted(itertools.product(FOLDS, SEEDS, LENGTHS), key=lambda one: one[2] == LONGER):
        if (name, fold, seed) in there:
            continue
        words = [*WORDS, "thickness=50", "store=bundled", f"fold={fold}"]
        measured = [*words, "augment.measured=true", f"augment.absorbing={store}"]
        examples = SeriesFit(measured, seed, images=images)
        images = examples.images
        tested = examples.data.test_rows.tolist()
        rows = [row for row in tested if examples.images.absorbed_row[row] >= 0]
        fit = SeriesFit(measured if name in (DISTURBED, DECAYED) else words, seed, images=images)
        fit.run(float("inf"), LENGTHS[name], size=64, seed=seed, decay=DECAY.get(name, 0.0))
        row: dict[str, Any] = {"network": name, "fold": fold, "seed": seed, "crystals": len(fit.rows)}
        row |= {"tested": len(rows), "epochs": fit.epochs, "seconds": fit.seconds}
        for case, drawn in ({CLEAN: (), ALL: (), "noise as input": ()} | CASES).items():
            chosen = tested if case == ALL else rows
            numbers = case_numbers(len(chosen), drawn)
            examples.numbers = lambda _, numbers=numbers: numbers
            batch = examples.batch(torch.tensor(chosen))
            image, condition = batch["input"], batch["condition"]
            if name not in (DISTURBED, DECAYED):
                condition = condition[:, : condition.shape[1] - 3]
                image = fit.batch(torch.tensor(chosen))["input"] if case in (CLEAN, ALL) else filled(image)
            if case == "noise as input":
                image = torch.rand(image.shape, generator=torch.Generator().manual_seed(0))
            row[case] = judged(fit.answers(image, condition), batch["target"])
        yield row


def of_reflections(store: str, epochs: float = 40, done: Sequence[dict[str, Any]] = ()) -> Iterator[dict[str, Any]]:
    """Dark fields as channels, each thickness by itself, 32²; without what is done already."""
    there = {(row["input"], row["seed"], row["thickness"]) for row in done}
    for name, reflections in SETS.items():
        chosen = str(reflections).replace(" ", "")
        for seed in SEEDS:
            for nm in (50, 100, 150, 200):
                if (name, seed, nm) in there:
                    continue
                fit = SeriesFit([*WORDS, f"thickness={nm}", f"store={store}", f"reflections={chosen}"], seed)
                fit.run(float("inf"), epochs, size=64, seed=seed)
                test = fit.data.test_rows.tolist()
                batch = fit.batch(torch.tensor(test))
                row: dict[str, Any] = {"thickness": nm, "input": name, "seed": seed, "crystals": len(fit.rows)}
                row |= {"tested": len(test), "epochs": fit.epochs, "seconds": fit.seconds}
                row |= judged(fit.answers(batch["input"], batch.get("condition")), batch["target"])
                yield row | fit.mean_image(fit.data.test_rows)


def main() -> None:
    what, store, *length = sys.argv[1:]
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    rows: list[dict[str, Any]] = results.get(what, [])
    measure = of_reflections if what == "reflections" else of_disturbances
    for row in measure(store, *map(float, length), done=list(rows)):
        rows.append(row)
        print(json.dumps(row), flush=True)
        results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
        write_atomically(RESULTS, json.dumps(results | {what: rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
