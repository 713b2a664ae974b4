"""What disturbances cost the inverse network and what training on them gains, and what dark fields as channels gain.

    python -m lacbed_gan.simulate structures=bundled count=1000 size=64 g_max=2.5 thickness=[50] absorption=tds \\
        output=stores/tds
    python experiments/series/run.py disturbances stores/tds
    python -m lacbed_gan.simulate structures=bundled count=1000 size=64 g_max=2.25 \\
        dark_field=[[1,1],[2,0],[2,2],[4,0]] output=stores/series
    python experiments/series/run.py reflections stores/series

Networks are trained by the error alone, as in `experiments/weights`, on folds 1 to 9 but for the validation part, and
judged on fold 0. What is measured goes into results.json here; of reflections what it has is not done again.
"""

from __future__ import annotations

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
ALL = "clean, all test crystals"  # those without a pair with absorption too
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


def of_disturbances(store: str, epochs: float = 40, longer: float = 120) -> Iterator[dict[str, Any]]:
    """Networks of clean and of disturbed patterns on clean and on disturbed ones, 50 nm, 32²."""
    words = [*WORDS, "thickness=50", "store=bundled"]
    measured = [*words, "augment.measured=true"]
    networks = {
        "clean": (words, epochs),
        "clean, three times as long": (words, longer),
        "disturbed, three times as long": ([*measured, f"augment.absorbing={store}"], longer),
    }
    for seed in SEEDS:
        examples = SeriesFit(networks["disturbed, three times as long"][0], seed)
        images = examples.images
        test = [row for row in examples.data.test_rows.tolist() if images.absorbed_row[row] >= 0]
        inputs, conditions, target = {}, {}, {}
        whole = examples.data.test_rows.tolist()
        cases = {"clean": (), ALL: ()} | CASES
        for name, drawn in cases.items():
            rows = whole if name == ALL else test
            numbers = case_numbers(len(rows), drawn)
            examples.numbers = lambda _, numbers=numbers: numbers
            batch = examples.batch(torch.tensor(rows))
            inputs[name], conditions[name], target[name] = batch["input"], batch["condition"], batch["target"]
        for name, (settings, length) in networks.items():
            fit = SeriesFit(settings, seed).run(float("inf"), length, size=64, seed=seed)
            row: dict[str, Any] = {"network": name, "seed": seed, "crystals": len(fit.rows), "tested": len(test)}
            row |= {"epochs": fit.epochs, "seconds": fit.seconds}
            for case, image in inputs.items():
                condition = conditions[case]
                if name.startswith("clean"):
                    condition = condition[:, : condition.shape[1] - 3]
                    rows = whole if case == ALL else test
                    stored = fit.batch(torch.tensor(rows))["input"]
                    image = stored if case in ("clean", ALL) else filled(image)
                row[case] = judged(fit.answers(image, condition), target[case])
            noise = torch.rand(inputs["clean"].shape, generator=torch.Generator().manual_seed(0))
            row["noise as input"] = judged(fit.answers(noise, condition), target["clean"])
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
    rows: list[dict[str, Any]] = []
    if what == "reflections":
        rows = json.loads(RESULTS.read_text(encoding="utf-8")).get(what, []) if RESULTS.exists() else []
        found = of_reflections(store, *map(float, length), done=list(rows))
    else:
        found = of_disturbances(store, *map(float, length))
    for row in found:
        rows.append(row)
        print(json.dumps(row), flush=True)
        results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
        write_atomically(RESULTS, json.dumps(results | {what: rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
