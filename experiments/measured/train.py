"""An inverse network for patterns as wide as the measured one of SrTiO₃, of any thickness from 40 to 120 nm.

    python -m lacbed_gan.simulate structures=bundled count=342 size=32 half_width=3.5 g_max=2.25 absorption=tds \\
        thickness=[40,50,60,70,80,90,100,110,120] output=stores/near
    python experiments/measured/train.py stores/near near.safetensors [epochs=40]

The settings are those of `lacbed_gan.train augment.measured=true`; steps alone are taken here, as in
`experiments/series`. Crystals of fold 0 and SrTiO₃ are left out.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "series"))
import run as series

STRONTIUM_TITANATE = "O3SrTi"


def main(store: str, path: str, epochs: str = "epochs=40") -> None:
    words = ["direction=inverse", "thickness=all", f"store={store}", "condition=cell", "origin=canonical"]
    words += ["augment.measured=true", f"augment.absorbing={store}"]
    fit = series.SeriesFit(words, 0, without={STRONTIUM_TITANATE})
    fit.times = len(fit.data.thicknesses)  # an item is a crystal at one of them
    fit.run(float("inf"), float(epochs.removeprefix("epochs=")), size=64)
    fit.save(Path(path))
    print(f"{path}: {len(fit.rows)} crystals, {fit.epochs:.0f} epochs, {fit.seconds:.0f} s")


if __name__ == "__main__":
    main(*sys.argv[1:])
