"""What fitting doubted inverse answers to their patterns gives: python experiments/weights/fitted.py STORE FOLD [NM…]

Crystals are those of a fold of the store, or all of them for -1. A fit takes 5 to 144 s of a core; fits go into
fitted.jsonl, and a run goes on where the one before ended as long as the network says the same. Of all crystals
together the table has MSE · 10⁴ and R at the best origin and the error of the range of ρ, before and after.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

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


@torch.no_grad()
def main() -> None:
    torch.set_num_threads(1)
    store, fold, *some = sys.argv[1:]
    known = [json.loads(line) for line in FITS.read_text().splitlines()] if FITS.exists() else []
    done = {(row["id"], row["nm"], row["mse before"]): row for row in known}
    for nm in map(int, some or NM):
        words = [
            f"store={store}",
            "validation=none",
            f"start={FOLDER}/inverse.safetensors",
            f"fold={max(int(fold), 0)}",
        ]
        fit = Fit([*words_of(f"inverse-{nm}nm"), *words])
        tested = fit.data.test_rows if int(fold) >= 0 else np.arange(len(fit.data.store))
        batch = fit.batch(torch.from_numpy(tested))
        answer, target = predict(fit.average.eval(), batch["input"], batch["condition"]), batch["target"]
        mean, deviation = fit.data.standardisation["log_span"]
        spans = np.exp(mean + deviation * fit.module.span_head(batch["input"], batch["condition"])[:, 0].numpy())
        recipe, index = fit.data.store.recipe, fit.data.store.index
        true = np.array([index[row]["rho_max"] - index[row]["rho_min"] for row in tested])
        before = np.stack([origin_mse(answer, target), origin_r(answer, target), np.abs(spans / true - 1)])
        after, counts = before.copy(), {"doubted": 0, "kept": 0, "kept and worse": 0, "right": 0}
        for i in np.argsort(-before[0]):
            a, pattern, rho = index[tested[i]]["a"], batch["input"][i].numpy(), answer[i, 0].numpy()
            if not agreement_warnings(agreement(rho, pattern, a, recipe, [nm], float(spans[i])), [nm]):
                continue
            counts["doubted"] += 1
            key = index[tested[i]]["id"], nm, round(1e4 * float(before[0, i]), 3)
            if key not in done:
                found = fit_potential(rho, pattern, a, recipe, [nm], float(spans[i]))
                row = dict(zip(("id", "nm", "mse before"), key, strict=True)) | {"formula": index[tested[i]]["formula"]}
                if found is not None:
                    pair = torch.from_numpy(found.potential)[None, None], target[i : i + 1]
                    row |= found.to_json() | {"mse": float(origin_mse(*pair)), "r": float(origin_r(*pair))}
                    row |= {"range error": abs(found.span / true[i] - 1)}
                done[key] = row
                with FITS.open("a") as file:
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")
                print(row, flush=True)
            row = done[key]
            if row.get("better"):
                after[:, i] = row["mse"], row["r"], row["range error"]
                counts["kept"] += 1
                counts["right"] += row["right"]
                counts["kept and worse"] += bool(1e4 * row["mse"] > row["mse before"])
        for what, values in (("before", before), ("after", after)):
            numbers = [f"{1e4 * values[0].mean():.2f} / {1e4 * np.median(values[0]):.2f}"]
            numbers += [f"{values[1].mean():.4f} / {np.median(values[1]):.4f}", f"{np.median(values[2]):.1%}"]
            print(f"| {store} {fold}, {nm} nm, {what} | " + " | ".join(numbers) + f" | {counts} |", flush=True)


if __name__ == "__main__":
    main()
