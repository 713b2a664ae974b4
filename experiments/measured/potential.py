"""ρ of the measured bright field of SrTiO₃ by networks: how near it is to the truth, and to other known structures.

    python experiments/measured/potential.py arrays=FOLDER [network=mine.safetensors] [thickness=63] \\
        [among=a] [store=STORE]

As in `run.py`, arrays=FOLDER or felix=CLONE has the images. The shipped inverse networks are asked, and one of
`train.py`. The shipped ones know the whole window of ±7.266/a; what the image does not cover goes on smoothly, which
`predict` refuses. Noise of the same size is the null. The rank is that of SrTiO₃ among the standard set, by the error
at the best origin of each structure's ρ to the answer: among those with this cell edge to 1.2 %, and among all. With
among=a only the former are read, which is quicker. With store=STORE, that of the network, the mean ρ of its training
crystals is judged too: another null, of a network that knows these and looks at nothing.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lacbed_gan.crystal.crystal import Crystal
from lacbed_gan.data.datamodule import PairDataModule
from lacbed_gan.diffraction.potential import projected_potential
from lacbed_gan.images import preparation
from lacbed_gan.images.scaling import min_max, to_unit
from lacbed_gan.measures.origin import origin_mse, origin_r
from lacbed_gan.predict.identification.candidates import B_ISO, candidates
from lacbed_gan.predict.identification.identification import A_TOLERANCE
from lacbed_gan.predict.loading import load
from lacbed_gan.predict.predictor import Predictor

sys.path.insert(0, str(Path(__file__).parent))
from series import SERIES, STRONTIUM_TITANATE

SIZE = 32  # pixels along an edge at which ρ are compared
NOISES = 5
NM = (50.0, 100.0, 150.0, 200.0)  # told to the shipped network where none is said
HEAD = "| network | input | MSE · 10⁴ | R | rank with this a | rank among all |\n|---|---|---|---|---|---|"


def potential(crystal: Crystal) -> Tensor:
    """ρ of a crystal in [0, 1], every other pixel of 64: (32, 32) float32."""
    return torch.from_numpy(min_max(projected_potential(crystal, 2 * SIZE).numpy()[::2, ::2])).float()


def answer(network: Predictor, image: NDArray[np.float64], half_width: float, nm: float | None) -> Tensor:
    """The network's ρ of an image of SrTiO₃ in [0, 1], (32, 32)."""
    a, told = STRONTIUM_TITANATE.a, nm if network.measured else None
    options = {"half_width": half_width * a, "thickness": told, "align": False, "fit": False}
    found = network.predict_potential(image, a, **options).potential
    step = found.shape[-1] // SIZE
    return torch.from_numpy(min_max(found[::step, ::step])).float()


def mean_potential(store: str) -> Tensor:
    """Mean ρ of the crystals of a store that `train.py` trains on but the validation part, (32, 32) in [0, 1]."""
    data = PairDataModule(store, "inverse", "all", 0, 1, origin="canonical", validation="part")
    data.setup()
    return torch.from_numpy(min_max(to_unit(data.images.potential[data.train_rows])[:, 0].mean(0).numpy())).float()


def main(words: list[str]) -> None:
    torch.set_num_threads(1)
    values, series = dict(word.split("=", 1) for word in words), SERIES[1]
    source = Path(values.get("felix", values.get("arrays", "")))
    hkl, images = series.of_felix(source) if "felix" in values else series.of_arrays(source)
    nm = float(values["thickness"]) if "thickness" in values else None
    networks = {Path(values["network"]).stem: load(values["network"])} if "network" in values else {}
    preparation.LEAST_COVERED = preparation.LEAST_MASKED
    networks |= {f"shipped, {t:g} nm": load(None, "inverse", t) for t in (NM if nm is None else (nm,))}
    random = np.random.default_rng(0)
    measured = images[hkl.index((0, 0, 0))]
    inputs = {"measured": [measured], "noise": [random.random(measured.shape) for _ in range(NOISES)]}

    a = STRONTIUM_TITANATE.a if values.get("among") == "a" else None
    known = candidates(["standard"], a, A_TOLERANCE, b_iso=B_ISO).crystals
    others = [crystal for crystal in known if crystal.formula != STRONTIUM_TITANATE.formula]
    near = torch.tensor([abs(crystal.a / STRONTIUM_TITANATE.a - 1) <= A_TOLERANCE for crystal in others])
    stack, truth = torch.stack([potential(crystal) for crystal in others]), potential(STRONTIUM_TITANATE)
    alike = int((1e4 * origin_mse(truth.expand_as(stack[near]), stack[near]) < 1).sum())
    print(f"{len(others)} other structures, {int(near.sum())} with this a, of these {alike} within 1·10⁻⁴ of SrTiO₃")
    print(f"\n{HEAD}")
    answers = {
        (name, what): [answer(network, image, series.half_width, nm) for image in several]
        for name, network in networks.items()
        for what, several in inputs.items()
    }
    if "store" in values:
        answers["mean of training crystals", "none"] = [mean_potential(values["store"])]
    for (name, what), several in answers.items():
        numbers = []
        for found in several:
            error, r = (float(measure(found[None], truth[None])) for measure in (origin_mse, origin_r))
            nearer = torch.cat([origin_mse(found.expand_as(part), part) for part in stack.split(256)]) < error
            numbers.append((1e4 * error, r, 1 + int(nearer[near].sum()), 1 + int(nearer.sum())))
        error, r, first, second = np.mean(numbers, 0)
        everywhere = "–" if a else f"{second:.0f}"
        print(f"| {name} | {what} | {error:.1f} | {r:.4f} | {first:.0f} | {everywhere} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
