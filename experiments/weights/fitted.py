"""What fits of inverse answers that are doubted, or not sure, give.

    python experiments/weights/fitted.py STORE FOLD [processes=N] [worst=N] [NM…]

Crystals are those of a fold of the store, or all of them for -1; known structures of the crystal's own formula are no
start of its fit. With worst=N only the N answers of largest error at each thickness are looked at, and the others
stay as they are. A fit takes up to eight minutes of a slow core. Fits go into fitted.jsonl, and a run goes on where
the one before ended as long as the network says the same. Of all crystals together the table has MSE · 10⁴ and R at
the best origin and the error of the range of ρ, before and after, and how many fits were kept, by what few beams say
of the answer; `right` counts those with R of at least 0.99, `worse` those whose MSE is larger than the answer's.
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
from lacbed_gan.predict.few_beam_check import agreement, agreement_warnings, is_sure
from lacbed_gan.predict.pattern_fit.fit import fit_potential

FITS = Path(__file__).parent / "fitted.jsonl"
RIGHT = 0.99  # R from which ρ is right
SAME = 0.005  # relative difference of errors of one answer


def checked(task: dict[str, Any]) -> dict[str, Any]:
    """What few beams say of an answer, ``sure``, ``not sure`` or ``doubted``, and what a fit gives if not sure."""
    torch.set_num_threads(1)
    nm, a, recipe, span = task["nm"], task["a"], task["recipe"], task["span"]
    rho, pattern = task["answer"], task["pattern"]
    value = agreement(rho, pattern, a, recipe, [nm], span)
    doubted = bool(agreement_warnings(value, [nm], span))
    if not doubted and is_sure(value, [nm], span):
        return {"answer": "sure"}
    answer = {"answer": "doubted" if doubted else "not sure"}
    found = fit_potential(rho, pattern, a, recipe, [nm], span, doubted=doubted, without={task["formula"]})
    if found is None:
        return answer
    pair = torch.from_numpy(found.potential)[None, None], torch.from_numpy(task["target"])[None]
    measures = {"mse": float(origin_mse(*pair)), "r": float(origin_r(*pair))}
    return answer | found.to_json() | measures | {"range error": float(abs(found.span / task["true"] - 1))}


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
    done = [json.loads(line) for line in FITS.read_text(encoding="utf-8").splitlines()] if FITS.exists() else []
    of_all = {nm: tasks_of(store, fold, nm) for nm in thicknesses}
    chosen = {nm: np.argsort(-before[0])[:worst] for nm, (_, before) in of_all.items()}
    rows = {(nm, i): _known(done, store, of_all[nm], nm, i) for nm, some in chosen.items() for i in some}
    todo = [key for key, row in rows.items() if row is None]
    todo.sort(key=lambda one: -of_all[one[0]][1][0, one[1]])  # the worst first, which take longest
    with multiprocessing.get_context("spawn").Pool(processes) as pool, FITS.open("a", encoding="utf-8") as file:
        results = pool.imap(checked, (of_all[nm][0][i] for nm, i in todo))
        for (nm, i), result in zip(todo, results, strict=True):
            task, before = of_all[nm][0][i], of_all[nm][1]
            row = {"store": store, "id": task["id"], "formula": task["formula"], "nm": nm}
            row |= {"mse before": round(1e4 * float(before[0, i]), 3), "r before": float(before[1, i])} | result
            rows[nm, i] = row
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            file.flush()
            if "mse" in row:
                print(row, flush=True)
    for nm, (_, before) in of_all.items():
        after, counts = before.copy(), {}
        for i in chosen[nm]:
            row = rows[nm, i]
            count = counts.setdefault(row["answer"], {"answers": 0, "kept": 0, "right": 0, "worse": 0})
            count["answers"] += 1
            if row.get("better"):
                after[:, i] = row["mse"], row["r"], row["range error"]
                count["kept"] += 1
                count["right"] += row["r"] >= RIGHT
                count["worse"] += bool(1e4 * row["mse"] > row["mse before"])
        for what, values in (("before", before), ("after", after)):
            numbers = [f"{1e4 * values[0].mean():.2f} / {1e4 * np.median(values[0]):.2f}"]
            numbers += [f"{values[1].mean():.4f} / {np.median(values[1]):.4f}", f"{np.median(values[2]):.1%}"]
            print(f"| {store} {fold}, {nm} nm, {what} | " + " | ".join(numbers) + f" | {counts} |", flush=True)


def _known(
    done: list[dict[str, Any]], store: str, of_all: tuple[list[dict[str, Any]], np.ndarray], nm: int, i: int
) -> dict[str, Any] | None:
    """The row of an answer, of the same network: its error may differ by rounding on another processor."""
    key, mse = (store, of_all[0][i]["id"], nm), 1e4 * float(of_all[1][0, i])
    for row in done:
        if (row["store"], row["id"], row["nm"]) == key and abs(row["mse before"] - mse) <= SAME * mse + 0.001:
            return row
    return None


def main() -> None:
    torch.set_num_threads(1)
    store, fold, *some = sys.argv[1:]
    options = {name: int(value) for name, _, value in (word.partition("=") for word in some if "=" in word)}
    nm = [int(word) for word in some if "=" not in word]
    measure(store, int(fold), nm or NM, options.get("processes", 1), options.get("worst"))


if __name__ == "__main__":
    main()
