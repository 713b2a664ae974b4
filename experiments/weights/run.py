"""The weights that ship, the comparison of settings behind them, and how the error falls with the number of crystals.

    python experiments/weights/crystals.py train 1700 stores/train.jsonl.gz
    python experiments/weights/variants.py 2400 400 1 stores/variants.jsonl.gz
    python experiments/weights/variants.py 6000 450 2 stores/light.jsonl.gz light
    python experiments/weights/new_types.py 12000 900 3 stores/types.jsonl.gz
    cat stores/train.jsonl.gz stores/variants.jsonl.gz stores/light.jsonl.gz stores/types.jsonl.gz > stores/all.jsonl.gz
    python -m lacbed_gan.simulate structures=stores/all.jsonl.gz g_max=3.0 b_iso_default=[0.2,1.2] output=stores/all
    python experiments/weights/run.py settings stores/train 5
    python experiments/weights/run.py designs stores/all 24
    python experiments/weights/run.py curve stores/train 60
    python experiments/weights/run.py held_out stores/train 30
    python experiments/weights/run.py corrections bundled 15
    python experiments/weights/run.py forward bundled 30
    python experiments/weights/run.py crowds bundled 15
    python experiments/weights/run.py types bundled 15
    python experiments/weights/run.py inverse stores/all 60
    python experiments/weights/run.py shipped bundled 0

The number is epochs of training, or seconds for `settings`; a GPU takes a second for a thousand steps of 128
pairs, a core a hundred times as long. `inverse` goes on with the network of a file that is named after it.
`shipped` measures what ships on that fold of a store, or on all of it for -1. What is measured goes into results.json
here, the networks into lacbed_gan/models/shipped.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from crystals import VARIANT, left_out
from fit import Fit
from several import Several

from lacbed_gan.base.files import write_atomically
from lacbed_gan.measures.metrics import correlation_r
from lacbed_gan.models.shipped_weights import FOLDER

RESULTS = Path(__file__).parent / "results.json"
FORWARD = ["direction=forward", "thickness=all"]
FEW = ["model.generator.few_beams=2"]
WIDTH, WIDEST = ([f"model.generator.width={width}"] for width in (512, 1024))
NM = (50, 100, 150, 200)
# name → settings of the run, and of the fit
SETTINGS: dict[str, tuple[list[str], dict[str, Any]]] = {
    "width 384, depth 3, batch 128, rate 0.003": ([], {}),
    "rate 0.0015": ([], {"rate": 1.5e-3}),
    "rate 0.006": ([], {"rate": 6e-3}),
    "batch 512, rate 0.006": ([], {"size": 512, "rate": 6e-3}),
    "width 512": (WIDTH, {}),
    "width 768, rate 0.002": (["model.generator.width=768"], {"rate": 2e-3}),
    "depth 5": (["model.generator.depth=5"], {}),
    "weight decay 0.05": ([], {"decay": 0.05}),
    "average over 2,000 steps": ([], {"ema": 0.9995}),
}
# Widths of a network that corrects the pattern of few beams, and how many times as many epochs
CORRECTIONS = ((256, 1), (768, 1), (384, 2))
CROWDS = (None, 4000, 2000, 1000, 500, 250)  # crystals to train on; None: all
SMALL_CROWDS = (112, 225, 450, 900)


def words_of(name: str) -> list[str]:
    """The settings of what ships: forward, or inverse-75nm and so on."""
    if name == "forward":
        return [*FORWARD, *FEW]
    return [*pattern_of(name.partition("-")[2].removesuffix("nm"), order=24), *WIDEST]


def pattern_of(nm: float | str, order: int = 20) -> list[str]:
    return ["direction=inverse", f"thickness={nm}", "model.loss_weights.span=1", f"model.generator.order={order}"]


NETWORKS = ("forward", *(f"inverse-{nm}nm" for nm in NM))  # what ships, the inverse one at each thickness
NEW = f"{VARIANT}3."  # how ids of new types begin, which new_types.py makes with the seed 3
# name → settings, how ids begin that are not trained on, learning rate; the first has all crystals
DESIGNS: dict[str, tuple[list[str], str | None, float]] = {
    "width 512": (WIDTH, None, 1.5e-3),
    "width 512, without new types": (WIDTH, NEW, 1.5e-3),
    "width 512, crystals that exist": (WIDTH, VARIANT, 1.5e-3),
    "width 1024": (WIDEST, None, 1e-3),
    "width 512, depth 6": ([*WIDTH, "model.generator.depth=6"], None, 1.5e-3),
}


def summary(fit: Fit, rows: np.ndarray) -> dict[str, Any]:
    """Mean and median of each measure, and what training took."""
    found = {name: (float(v.mean()), float(np.median(v))) for name, v in fit.measure(rows).items()}
    return {"crystals": len(fit.rows), "steps": fit.steps, "epochs": fit.epochs, "seconds": fit.seconds, **found}


def settings(store: str, seconds: float) -> list[dict[str, Any]]:
    """Chosen by the validation part; the test fold is not looked at."""
    rows = []
    for name, (words, arguments) in [*SETTINGS.items(), ("three times as long", ([], {"seconds": 3 * seconds}))]:
        fit = Fit([*FORWARD, f"store={store}", "validation=part", *words])
        fit.run(**({"seconds": seconds} | arguments))
        rows.append({"settings": name, **summary(fit, fit.data.validation_rows)})
        print(rows[-1], flush=True)
    return rows


def corrections(store: str, epochs: float) -> list[dict[str, Any]]:
    """Chosen by the validation part; the pattern of few beams itself comes first."""
    rows: list[dict[str, Any]] = []
    for width, times in CORRECTIONS:
        words = [*FORWARD, *FEW, f"model.generator.width={width}"]
        fit = Fit([*words, f"store={store}", "validation=part"], without=left_out())
        if not rows:
            rows.append({"settings": "few beams alone", **first_answers(fit, fit.data.validation_rows)})
        fit.run(float("inf"), times * epochs, rate=2e-3, size=32)
        rows.append({"settings": f"width {width}", **summary(fit, fit.data.validation_rows)})
        print(*rows[-2:], flush=True)
    return rows


def forward(store: str, epochs: float) -> list[dict[str, Any]]:
    """On folds 1 to 9, what ships."""
    fit = Fit([*words_of("forward"), f"store={store}", "validation=none"], without=left_out())
    fit.run(float("inf"), epochs, rate=2e-3, size=32)
    row = {"network": "forward", **_tested(fit), "few_beams": first_answers(fit, fit.data.test_rows)}
    print(row, flush=True)
    fit.save(FOLDER / "forward.safetensors")
    return [row]


def first_answers(fit: Fit, rows: np.ndarray) -> dict[str, Any]:
    """Mean and median of MSE and R of the patterns of few beams that the network is given."""
    result = {}
    for time, nm in enumerate(fit.data.thicknesses):
        batch = fit.batch(torch.from_numpy(rows) * fit.times + time)
        first = batch["input"][:, 1:]
        mse = (first - batch["target"]).square().mean((1, 2, 3))
        for name, value in ((f"mse@{nm:g}", mse), (f"r@{nm:g}", correlation_r(first, batch["target"]))):
            result[name] = (float(value.mean()), float(value.median()))
    return result


def inverse(store: str, epochs: float, start: Sequence[str] = ()) -> list[dict[str, Any]]:
    """On folds 1 to 9 and all thicknesses: what ships; from nothing, or going on with a file."""
    words = [*words_of("inverse-50nm"), f"store={store}", "validation=none", *(f"start={file}" for file in start)]
    fit = Several(words, without=left_out(), half=True)
    fit.run(float("inf"), epochs, rate=1e-3)
    # A start has seen other folds: then what ships is tested on crystals that no store to train on has
    tested = {"train": summary(fit, fit.data.train_sample_rows)} if start else _tested(fit)
    row = {"network": "inverse", "store": store, **tested}
    print(row, flush=True)
    fit.save(FOLDER / "inverse.safetensors")
    return [row]


def designs(store: str, epochs: float) -> list[dict[str, Any]]:
    """Inverse networks by the validation part, by three seeds, equal numbers of steps."""
    rows: list[dict[str, Any]] = []
    first: Several | None = None
    for seed in range(3):
        for name, (words, but, rate) in DESIGNS.items():
            torch.manual_seed(seed)
            words = [*pattern_of(50, order=24), *words, f"store={store}", "validation=part"]
            without = left_out() | (formulas(first, but) if but and first else set())
            fit = Several(words, like=first, without=without, half=True)
            first = first or fit
            steps = epochs * len(first.rows)
            fit.run(float("inf"), steps / len(fit.rows), rate=rate, seed=seed)
            rows.append({"settings": name, "seed": seed, **summary(fit, fit.real(fit.data.validation_rows))})
            print(rows[-1], flush=True)
    return rows


def formulas(fit: Fit, start: str) -> set[str]:
    """Those of crystals whose ids begin like this."""
    return {entry["formula"] for entry in fit.data.store.index if entry["id"].startswith(start)}


def shipped(store: str, fold: float, names: Sequence[str] = NETWORKS) -> list[dict[str, Any]]:
    """The shipped networks on a fold of a store, or on all of it."""
    rows = []
    for name in names:
        file = FOLDER / f"{name.partition('-')[0]}.safetensors"
        words = [f"store={store}", "validation=none", f"start={file}", f"fold={max(fold, 0):.0f}"]
        fit = Fit([*words_of(name), *words])
        tested = fit.data.test_rows if fold >= 0 else np.arange(len(fit.data.store))
        row = {"network": name, "store": store, "fold": fold, **summary(fit, tested), **fit.mean_image(tested)}
        if name == "forward":
            row["few_beams"] = first_answers(fit, tested)
        rows.append(row | {"crystals": len(tested)})
        print(rows[-1], flush=True)
    return rows


def _tested(fit: Fit) -> dict[str, Any]:
    test, sample = fit.real(fit.data.test_rows), fit.data.train_sample_rows
    return summary(fit, test) | {"test_crystals": len(test), "train": summary(fit, sample), **fit.mean_image(test)}


def curve(store: str, epochs: float) -> list[dict[str, Any]]:
    """The learning curve of inverse networks on crystals that exist, by equal numbers of steps."""
    rows = []
    words = [*pattern_of(50, order=24), *WIDTH, f"store={store}", "validation=none"]
    first = Several(words, half=True)
    everyone: int | None = None
    for crowd in CROWDS:
        fit = Several(words, crowd, like=first, without=left_out() | formulas(first, VARIANT), half=True)
        everyone = everyone or len(fit.rows)
        fit.run(float("inf"), epochs * everyone / len(fit.rows), rate=1.5e-3)
        rows.append({"network": "inverse", **summary(fit, fit.real(fit.data.test_rows))})
        print(rows[-1], flush=True)
    return rows


def crowds(store: str, epochs: float) -> list[dict[str, Any]]:
    """The learning curve of forward networks on a store of a thousand crystals, by equal numbers of steps, on a CPU."""
    rows = []
    for name, words in {"few beams": [*FORWARD, *FEW], "forward": FORWARD}.items():
        for crowd in SMALL_CROWDS:
            fit = Fit([*words, f"store={store}", "validation=none"], crowd, without=left_out())
            fit.run(float("inf"), epochs * SMALL_CROWDS[-1] / crowd, rate=2e-3, size=32)
            rows.append({"network": name, **summary(fit, fit.data.test_rows)})
            print(rows[-1], flush=True)
    return rows


def types(store: str, epochs: float) -> list[dict[str, Any]]:
    """Networks as those that ship, of a thousand crystals alone, with formulas or structure types held out."""
    rows = []
    for group in ("formula", "prototype"):
        for name in ("forward", "inverse-50nm"):
            words = [*words_of(name), f"store={store}", "validation=none", f"data.group={group}"]
            fit = Fit(words, without=left_out() if group == "formula" else (), origins=name != "forward")
            fit.run(float("inf"), (1 if name == "forward" else 4) * epochs, rate=2e-3, size=32)
            rows.append({"settings": f"{name}, {group}", **_tested(fit)})
            print(rows[-1], flush=True)
    return rows


def held_out(store: str, epochs: float) -> list[dict[str, Any]]:
    """Inverse networks of crystals that exist, with formulas or structure types held out, by equal numbers of steps."""
    rows: list[dict[str, Any]] = []
    first: Several | None = None
    for group in ("formula", "prototype"):
        words = [*pattern_of(50, order=24), *WIDTH, f"store={store}", "validation=none", f"data.group={group}"]
        without = left_out() | formulas(first or Several(words, half=True), VARIANT)
        fit = Several(words, like=first, without=without, half=True)
        first = first or fit
        fit.run(float("inf"), epochs * len(first.rows) / len(fit.rows), rate=1.5e-3)
        test = fit.real(fit.data.test_rows)
        rows.append({"settings": group, **summary(fit, test), "test_crystals": len(test), **fit.mean_image(test)})
        print(rows[-1], flush=True)
    return rows


def _of(row: dict[str, Any]) -> tuple[Any, ...]:
    """What a row is about: measured again, it takes the place of the one before."""
    return tuple(row.get(name) for name in ("settings", "seed", "network", "store", "fold")) + (
        () if "settings" in row or "test_crystals" in row or "store" in row else (row["crystals"],)
    )


PARTS = {
    part.__name__: part
    for part in (settings, designs, curve, held_out, crowds, types, corrections, forward, inverse, shipped)
}


def main() -> None:
    what, store, amount, *names = sys.argv[1:]
    part = PARTS[what]
    rows = part(store, float(amount), *([names] if names else []))
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    measured = {_of(row) for row in rows}
    results[what] = [row for row in results.get(what, []) if _of(row) not in measured] + rows
    write_atomically(RESULTS, json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
