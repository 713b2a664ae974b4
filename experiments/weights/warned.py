"""Which answers of the forward network that ships are warned of: python experiments/weights/warned.py STORE FOLD

Crystals are those of a fold of the store, or all of them for -1. Results go into results.json.
"""

from __future__ import annotations

import json
import sys

import numpy as np
import torch
from fit import Fit
from run import RESULTS, words_of

from lacbed_gan.base.files import write_atomically
from lacbed_gan.images.scaling import to_unit
from lacbed_gan.measures.metrics import correlation_r
from lacbed_gan.models.inference import predict
from lacbed_gan.models.shipped_weights import FOLDER
from lacbed_gan.predict.spot_check import LIMIT, spot_agreement

BAD, GOOD = 0.9, 0.99


@torch.no_grad()
def main() -> None:
    store, fold = sys.argv[1], int(sys.argv[2])
    words = [f"store={store}", "validation=none", f"start={FOLDER}/forward.safetensors", f"fold={max(fold, 0)}"]
    fit = Fit([*words_of("forward"), *words])
    tested = fit.data.test_rows if fold >= 0 else np.arange(len(fit.data.store))
    answers, truth = [], []
    for time in range(fit.times):
        batch = fit.batch(torch.from_numpy(tested) * fit.times + time)
        answers.append(predict(fit.average.eval(), batch["input"], batch["condition"]))
        truth.append(correlation_r(answers[-1], batch["target"]))
    patterns, nm = torch.cat(answers, 1).numpy(), fit.data.thicknesses
    store_, agreement = fit.data.store, []
    for row, pattern in zip(tested, patterns, strict=True):
        entry, rho = store_.index[row], to_unit(store_.potential[row])
        span = entry["rho_max"] - entry["rho_min"]
        agreement.append(spot_agreement(rho, span, entry["a"], pattern, nm, store_.recipe))
    rows = []
    for time, (r, found) in enumerate(zip(truth, torch.tensor(agreement).T, strict=True)):
        warned = found < LIMIT
        row = {"store": store, "fold": fold, "nm": nm[time], "crystals": len(r), "warned": int(warned.sum())}
        for name, which in (("bad", r < BAD), ("good", r > GOOD)):
            row |= {name: int(which.sum()), f"warned of {name}": int((warned & which).sum())}
        row["highest of bad"] = float(found[r < BAD].max()) if (r < BAD).any() else None
        row["lowest of good"] = float(found[r > GOOD].min()) if (r > GOOD).any() else None
        rows.append(row)
        print(row, flush=True)
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    others = [row for row in results.get("warned", []) if row["store"] != store]
    results["warned"] = others + rows
    write_atomically(RESULTS, json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
