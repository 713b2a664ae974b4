"""The weights that ship, the comparison of settings behind them, and how the error falls with the number of crystals.

    python -m lacbed_gan.simulate structures=standard size=128 g_max=3.0 b_iso_default=[0.2,1.2] output=stores/standard
    python experiments/weights/run.py settings stores/standard 5
    python experiments/weights/run.py weights stores/standard 20
    python experiments/weights/run.py curve stores/standard 5
    python experiments/weights/run.py tune bundled 8

The number is seconds of training a network, of a GPU; a core needs about a hundred times as many. `tune` goes on with
the networks that ship, or with those named after it, for so many epochs of another store. What is measured goes into
results.json here, the networks into lacbed_gan/models/shipped.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from fit import Fit

from lacbed_gan.base.files import write_atomically
from lacbed_gan.models.shipped_weights import FOLDER

RESULTS = Path(__file__).parent / "results.json"
FORWARD = ["direction=forward", "thickness=all"]
WIDTH = ["model.generator.width=512"]
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
CROWDS = (250, 1000, 4000, None)  # crystals to train on; None: all


def inverse(nm: float) -> list[str]:
    return ["direction=inverse", f"thickness={nm}", "model.loss_weights.span=1"]


NETWORKS = {"forward": FORWARD} | {f"inverse-{nm}nm": inverse(nm) for nm in NM}


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


def weights(store: str, seconds: float) -> list[dict[str, Any]]:
    """On folds 1 to 9; SrTiO3's formula is to be left out of the store."""
    rows = []
    for name, words in NETWORKS.items():
        fit = Fit([*words, *WIDTH, f"store={store}", "validation=none"]).run(seconds)
        test, sample = fit.data.test_rows, fit.data.train_sample_rows
        row = {"network": name, **summary(fit, test), "train": summary(fit, sample), **fit.mean_image(test)}
        rows.append(row)
        print(row, flush=True)
        fit.save(FOLDER / f"{name}.safetensors")
    return rows


def tune(store: str, epochs: float, names: Sequence[str] = tuple(NETWORKS)) -> list[dict[str, Any]]:
    """The shipped networks, fitted to the pairs of another store; SrTiO3 is left out of these too."""
    rows = []
    for name in names:
        words = NETWORKS[name]
        start = [f"store={store}", "validation=none", f"start={FOLDER / name}.safetensors"]
        fit = Fit([*words, *WIDTH, *start], without="O3SrTi")
        before = summary(fit, fit.data.test_rows)
        fit.run(float("inf"), epochs if name != "forward" else 0.75 * epochs, rate=5e-4, size=32)
        test, sample = fit.data.test_rows, fit.data.train_sample_rows
        row = {"network": name, **summary(fit, test), "train": summary(fit, sample), "before": before}
        rows.append(row | fit.mean_image(test))
        print(rows[-1], flush=True)
        fit.save(FOLDER / f"{name}.safetensors")
    return rows


def curve(store: str, seconds: float) -> list[dict[str, Any]]:
    rows = []
    for words in (FORWARD, *map(inverse, NM)):
        for crowd in CROWDS:
            fit = Fit([*words, f"store={store}", "validation=none"], crowd).run(seconds, epochs=250)
            rows.append({"network": " ".join(words[:2]), **summary(fit, fit.data.test_rows)})
            print(rows[-1], flush=True)
    return rows


def main() -> None:
    what, store, amount, *names = sys.argv[1:]
    part = {"settings": settings, "weights": weights, "curve": curve, "tune": tune}[what]
    rows = part(store, float(amount), *([names] if names else []))
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    others = [row for row in results.get(what, []) if names and row["network"] not in names]
    results[what] = others + rows
    write_atomically(RESULTS, json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
