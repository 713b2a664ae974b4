"""What fits of doubted inverse answers give.

    python experiments/weights/fitted.py STORE FOLD [processes=N] [worst=N] [NM…]

Crystals are those of a fold of the store, or all of them for -1; known structures of the crystal's own formula are no
start of its fit. With worst=N only the N answers of largest error at each thickness are looked at, and the others
stay as they are. A fit takes up to three minutes of a core. Fits go into fitted.jsonl, and a run goes on where
the one before ended as long as the network says the same. Of all crystals together the table has MSE · 10⁴ and R at
the best origin and the error of the range of ρ, before and after; `right` counts the kept ones with R of at least 0.99.
"""

from __future__ import annotations

import json
import multiprocessing
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fit import Fit
from run import NM, words_of

from lacbed_gan.measures.origin import origin_mse, origin_r
from lacbed_gan.models.inference import predict
from lacbed_gan.models.shipped_weights import FOLDER
from lacbed_gan.predict.few_beam_check import agreement, agreement_warnings
from lacbed_gan.predict.pattern_fit.fit import fit_potential

FITS = Path(__file__).parent / "fitted.jsonl"
RIGHT = 0.99  # R from which ρ is right


def checked(task: dict[str, Any]) -> dict[str, Any] | None:
    """What a fit of one answer gives; None for one that is not doubted."""
    torch.set_num_threads(1)
    nm, a, recipe, span = task["nm"], task["a"], task["recipe"], task["span"]
    rho, pattern = task["answer"], task["pattern"]
    if not agreement_warnings(agreement(rho, pattern, a, recipe, [nm], span), [nm], span):
        return None
    found = fit_potential(rho, pattern, a, recipe, [nm], span, without={task["formula"]})
    if found is None:
        return {}
    pair = torch.from_numpy(found.potential)[None, None], torch.from_numpy(task["target"])[None]
    row = found.to_json() | {"mse": float(origin_mse(*pair)), "r": float(origin_r(*pair))}
    return row | {"range error": float(abs(found.span / task["true"] - 1))}


@torch.no_grad()
def tasks_of(store: str, fold: int, nm: int) -> tuple[list[dict[str, Any]], np.ndarray]:
    """Answers, and their MSE and R (2, N) and errors of the range, before."""
    start = f"start={FOLDER}/inverse.safetensors"
    fit = Fit([*words_of(f"inverse-{nm}nm"), f"store={store}", "validation=none", start, f"fold={max(fold, 0)}"])
    tested = fit.data.test_rows if fold >= 0 else np.arange(len(fit.data.store))
    batch = fit.batch(torch.from_numpy(tested))
    answer, target = predict(fit.average.eval(), batch["input"], batch["condition"]), batch["target"]
    mean, deviation = fit.data.standardisation["log_span"]
    spans = np.exp(mean + deviation * fit.module.span_head(batch["input"], batch["condition"])[:, 0].numpy())
    entries = [fit.data.store.index[row] for row in tested]
    true = np.array([entry["rho_max"] - entry["rho_min"] for entry in entries])
    before = np.stack([origin_mse(answer, target), origin_r(answer, target), np.abs(spans / true - 1)])
    tasks = [
        {
            "id": entry["id"],
            "formula": entry["formula"],
            "nm": nm,
            "a": entry["a"],
            "recipe": fit.data.store.recipe,
            "span": float(spans[i]),
            "true": true[i],
            "pattern": batch["input"][i].numpy(),
            "answer": answer[i, 0].numpy(),
            "target": target[i].numpy(),
        }
        for i, entry in enumerate(entries)
    ]
    return tasks, before


def measure(store: str, fold: int, thicknesses: Sequence[int], processes: int, worst: int | None) -> None:
    known = [json.loads(line) for line in FITS.read_text().splitlines()] if FITS.exists() else []
    done = {(row["store"], row["id"], row["nm"], row["mse before"]): row for row in known}
    of_all = {nm: tasks_of(store, fold, nm) for nm in thicknesses}
    keys, todo = {}, []
    for nm, (tasks, before) in of_all.items():
        for i in np.argsort(-before[0])[:worst]:
            keys[nm, i] = key = store, tasks[i]["id"], nm, round(1e4 * float(before[0, i]), 3)
            if key not in done:
                todo.append((nm, i))
    todo.sort(key=lambda one: -of_all[one[0]][1][0, one[1]])  # the worst first, which take longest
    with multiprocessing.get_context("spawn").Pool(processes) as pool, FITS.open("a") as file:
        results = pool.imap(checked, (of_all[nm][0][i] for nm, i in todo))
        for (nm, i), result in zip(todo, results, strict=True):
            store_, crystal, _, mse = keys[nm, i]
            row = {"store": store_, "id": crystal, "nm": nm, "mse before": mse, "doubted": result is not None}
            row |= {"formula": of_all[nm][0][i]["formula"], "r before": float(of_all[nm][1][1, i])} | (result or {})
            done[keys[nm, i]] = row
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            file.flush()
            if result is not None:
                print(row, flush=True)
    for nm, (_, before) in of_all.items():
        after, counts = before.copy(), {"doubted": 0, "kept": 0, "kept and worse": 0, "right": 0}
        for i in np.argsort(-before[0])[:worst]:
            row = done[keys[nm, i]]
            counts["doubted"] += row["doubted"]
            if row.get("better"):
                after[:, i] = row["mse"], row["r"], row["range error"]
                counts["kept"] += 1
                counts["right"] += row["r"] >= RIGHT
                counts["kept and worse"] += bool(1e4 * row["mse"] > row["mse before"])
        for what, values in (("before", before), ("after", after)):
            numbers = [f"{1e4 * values[0].mean():.2f} / {1e4 * np.median(values[0]):.2f}"]
            numbers += [f"{values[1].mean():.4f} / {np.median(values[1]):.4f}", f"{np.median(values[2]):.1%}"]
            print(f"| {store} {fold}, {nm} nm, {what} | " + " | ".join(numbers) + f" | {counts} |", flush=True)


def main() -> None:
    torch.set_num_threads(1)
    store, fold, *some = sys.argv[1:]
    options = {name: int(value) for name, _, value in (word.partition("=") for word in some if "=" in word)}
    nm = [int(word) for word in some if "=" not in word]
    measure(store, int(fold), nm or NM, options.get("processes", 1), options.get("worst"))


if __name__ == "__main__":
    main()
