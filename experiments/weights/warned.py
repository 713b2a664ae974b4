"""Which answers of the forward network that ships are warned of: python experiments/weights/warned.py STORE FOLD

Crystals are those of a fold of the store, or all of them for -1. Results go into results.json.
"""

from __future__ import annotations

import json
import sys

import numpy as np
import torch
from fit import Fit
from run import NETWORKS, RESULTS

from lacbed_gan.base.files import write_atomically
from lacbed_gan.measures.metrics import correlation_r
from lacbed_gan.models.inference import predict
from lacbed_gan.models.shipped_weights import FOLDER
from lacbed_gan.predict.input_warnings import CORRECTED

BAD, GOOD = 0.9, 0.99


@torch.no_grad()
def main() -> None:
    store, fold = sys.argv[1], int(sys.argv[2])
    words = [f"store={store}", "validation=none", f"start={FOLDER}/forward.safetensors", f"fold={max(fold, 0)}"]
    fit = Fit([*NETWORKS["forward"], *words])
    tested = fit.data.test_rows if fold >= 0 else np.arange(len(fit.data.store))
    rows = []
    for time, nm in enumerate(fit.data.thicknesses):
        batch = fit.batch(torch.from_numpy(tested) * fit.times + time)
        answer = predict(fit.average.eval(), batch["input"], batch["condition"])
        r, agreement = correlation_r(answer, batch["target"]), correlation_r(answer, batch["input"][:, 1:])
        warned = agreement < CORRECTED
        row = {"store": store, "fold": fold, "nm": nm, "crystals": len(r), "warned": int(warned.sum())}
        for name, which in (("bad", r < BAD), ("good", r > GOOD)):
            row |= {name: int(which.sum()), f"warned of {name}": int((warned & which).sum())}
        row["nine in ten bad ones below"] = float(agreement[r < BAD].quantile(0.9)) if (r < BAD).any() else None
        rows.append(row)
        print(row, flush=True)
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    others = [row for row in results.get("warned", []) if row["store"] != store]
    results["warned"] = others + rows
    write_atomically(RESULTS, json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
