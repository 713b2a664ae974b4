"""What patterns of few beams are worth, and what they cost: python experiments/weights/few_beams.py

Of every 25th crystal that ships outside of fold 0, four thicknesses, 128 × 128 pixels, on one core.
"""

from __future__ import annotations

import time

import numpy as np
import torch

from lacbed_gan.data.folds import FOLDS, assign_folds
from lacbed_gan.data.sources import open_store
from lacbed_gan.diffraction.few_beams import few_beam_patterns
from lacbed_gan.diffraction.window import Window
from lacbed_gan.images.scaling import min_max, to_unit
from lacbed_gan.measures.metrics import correlation_r

CUT_OFFS = (1.0, 1.5, 1.75, 2.0, 2.5, 3.0)  # 1/Å


def main() -> None:
    torch.set_num_threads(1)
    store = open_store("bundled")
    fold_of = assign_folds([entry["formula"] or entry["id"] for entry in store.index], FOLDS)
    rows = np.flatnonzero(fold_of != 0)[::25]
    crystals = [to_unit(store.potential[row]) for row in rows]
    spans = [store.index[row]["rho_max"] - store.index[row]["rho_min"] for row in rows]
    edges = [store.index[row]["a"] for row in rows]
    truth = to_unit(store.pattern[rows])
    window = Window(store.size, store.recipe.half_width)
    list(few_beam_patterns(crystals[:1], spans[:1], edges[:1], store.thickness, window, 1.0))  # compiles
    print(f"{len(rows)} crystals, {', '.join(f'{nm:g}' for nm in store.thickness)} nm")
    for g_max in CUT_OFFS:
        found, started = np.empty_like(truth), time.process_time()
        for place, pattern in few_beam_patterns(crystals, spans, edges, store.thickness, window, g_max):
            found[place] = min_max(pattern)
        seconds = (time.process_time() - started) / len(rows)
        mse = np.square(found - truth).mean((0, 2, 3))
        r = correlation_r(*(torch.from_numpy(x).flatten(0, 1)[:, None] for x in (found, truth)))
        r = r.unflatten(0, truth.shape[:2]).mean(0)
        print(
            f"{g_max:g} 1/Å: {seconds:.2f} s, MSE {np.round(1e4 * mse, 1)} ·10⁻⁴, R {np.round(r.numpy(), 3)}",
            flush=True,
        )


if __name__ == "__main__":
    main()
