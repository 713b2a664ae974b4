"""Which answers of the inverse networks that ship are doubted: python experiments/weights/doubted.py STORE FOLD

Crystals are those of a fold of the store, or all of them for -1; R is that at the best origin. What comes out goes into
results.json.
"""

from __future__ import annotations

import json
import sys

import numpy as np
import torch
from fit import Fit
from run import NM, RESULTS, words_of

from lacbed_gan.base.files import write_atomically
from lacbed_gan.measures.origin import origin_r
from lacbed_gan.models.inference import predict
from lacbed_gan.models.shipped_weights import FOLDER
from lacbed_gan.predict.few_beam_check import agreement, agreement_warnings

WRONG, RIGHT = 0.9, 0.99


@torch.no_grad()
def main() -> None:
    torch.set_num_threads(1)
    store, fold = sys.argv[1], int(sys.argv[2])
    rows = []
    for nm in NM:
        words = [f"store={store}", "validation=none", f"start={FOLDER}/inverse.safetensors", f"fold={max(fold, 0)}"]
        fit = Fit([*words_of(f"inverse-{nm}nm"), *words])
        tested = fit.data.test_rows if fold >= 0 else np.arange(len(fit.data.store))
        batch = fit.batch(torch.from_numpy(tested))
        answer = predict(fit.average.eval(), batch["input"], batch["condition"])
        r = origin_r(answer, batch["target"]).numpy()
        mean, deviation = fit.data.standardisation["log_span"]
        spans = np.exp(mean + deviation * fit.module.span_head(batch["input"], batch["condition"])[:, 0].numpy())
        recipe, index = fit.data.store.recipe, fit.data.store.index
        values = [
            agreement(rho.numpy(), pattern.numpy(), index[row]["a"], recipe, [nm], float(span))
            for rho, pattern, row, span in zip(answer[:, 0], batch["input"], tested, spans, strict=True)
        ]
        doubted = np.array(
            [bool(agreement_warnings(value, [nm], float(span))) for value, span in zip(values, spans, strict=True)]
        )
        row = {"store": store, "fold": fold, "nm": nm, "crystals": len(r), "doubted": int(doubted.sum())}
        row |= {"not looked at": sum(value is None for value in values)}
        for name, which in (("wrong", r < WRONG), ("right", r > RIGHT)):
            row |= {name: int(which.sum()), f"doubted {name}": int((doubted & which).sum())}
        rows.append(row)
        print(row, flush=True)
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    results["doubted"] = [row for row in results.get("doubted", []) if row["store"] != store] + rows
    write_atomically(RESULTS, json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
