"""What the networks of finished runs predict for single crystals of their test folds, and which crystals to show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lacbed_gan.data.datamodule import PairDataModule
from lacbed_gan.data.sources import open_pairs
from lacbed_gan.measures.metrics import correlation_r, mse
from lacbed_gan.models.weights import Trained, WeightsError, load_weights
from lacbed_gan.report.collect import Group, Run

Request = tuple[Run, str]  # a run and the id of a crystal


class Gap(Exception):
    """Why a figure cannot be made: one line for the report."""


@dataclass(frozen=True)
class Case:
    """One prediction: input, prediction, target (H, W) float32 in [0, 1]; MSE and R of the prediction."""

    id: str
    formula: str
    space_group: str
    input: np.ndarray
    prediction: np.ndarray
    target: np.ndarray
    mse: float
    r: float


def extreme_cases(runs: Sequence[Run]) -> dict[str, Request]:
    """The test crystals, of all folds together, with the best, the median and the worst MSE.

    Raises:
        Gap: there are no test crystals.
    """
    ranked = sorted((row["mse"], row["id"], number) for number, run in enumerate(runs) for row in run.of("test"))
    if not ranked:
        raise Gap("crystals.csv names no test crystal")
    places = {"best": 0, "median": (len(ranked) - 1) // 2, "worst": len(ranked) - 1}
    return {name: (runs[ranked[place][2]], ranked[place][1]) for name, place in places.items()}


def thickness_series(group: Group, direction: str, crystal: str | None = None) -> dict[float, Request]:
    """One crystal at all thicknesses at which a run of this direction has it in its test fold.

    Args:
        crystal: its id; None: of those tested at all thicknesses, the one whose mean MSE is the median.

    Raises:
        Gap: it would have one thickness or none.
    """
    errors: dict[str, dict[float, tuple[float, Run]]] = {}
    for run in group.runs:
        if run.direction == direction:
            for row in run.of("test"):
                errors.setdefault(row["id"], {})[run.thickness] = (row["mse"], run)
    if crystal is None:
        thicknesses = [t for d, t in group.cells if d == direction]
        if len(thicknesses) < 2:
            raise Gap("there are runs at one thickness only")
        everywhere = {name: by_nm for name, by_nm in errors.items() if len(by_nm) == len(thicknesses)}
        if not everywhere:
            raise Gap("no crystal is in a test fold at every thickness; train the same folds at all of them")
        means = sorted((float(np.mean([e for e, _ in by_nm.values()])), name) for name, by_nm in everywhere.items())
        crystal = means[(len(means) - 1) // 2][1]
    if len(errors.get(crystal, {})) < 2:
        raise Gap(f"crystal {crystal} is in the test fold of runs at fewer than two thicknesses")
    return {thickness: (run, crystal) for thickness, (_, run) in sorted(errors[crystal].items())}


def predict_cases(requests: Mapping[object, Request]) -> dict[object, Case]:
    """Every prediction that is asked for; each run's checkpoint and data are read once.

    Raises:
        Gap: a checkpoint or the data are gone, or the data are other than the run was trained on.
    """
    by_run: dict[tuple, tuple[Run, list[str]]] = {}
    for run, crystal in requests.values():
        by_run.setdefault((run.folder.name, run.at), (run, []))[1].append(crystal)
    cases = {name: _predict(run, list(dict.fromkeys(crystals))) for name, (run, crystals) in by_run.items()}
    return {key: cases[run.folder.name, run.at][crystal] for key, (run, crystal) in requests.items()}


def open_data(settings: Mapping[str, Any], standardisation: Mapping[str, Any] | None = None) -> PairDataModule:
    """The pairs that a run was trained and tested on, from its settings and the standardisation that it knows."""
    pairs = open_pairs(settings["store"], settings.get("data") or {"name": "store", "group": "formula"})
    names = ("direction", "thickness", "fold", "batch_size", "size", "condition", "seed", "validation", "origin")
    return PairDataModule(
        pairs.store,
        **{name: settings[name] for name in names if name in settings},
        fold_of=pairs.fold_of,
        groups=pairs.groups,
        few_beams=((settings.get("model") or {}).get("generator") or {}).get("few_beams"),
        standardisation=standardisation,
        measured=settings.get("augment", {}).get("measured", False),
        absorbing=settings.get("augment", {}).get("absorbing"),
        reflections=settings.get("reflections", ()),
    )


def load_network(run: Run) -> Trained:
    """The network of the epoch that the run's measures are about.

    Raises:
        Gap: the checkpoint is gone or cannot be read.
    """
    if not run.checkpoint.exists():
        raise Gap(f"{run.folder.name} has no {run.checkpoint.name} any more")
    try:
        return load_weights(run.checkpoint)
    except WeightsError as error:
        raise Gap(f"{run.checkpoint.name} of {run.folder.name} cannot be read ({error})") from None


def _predict(run: Run, crystals: list[str]) -> dict[str, Case]:
    trained = load_network(run)
    try:
        data = open_data(run.settings, trained.config["data"].get("standardisation"))
        data.setup()
    except (ValueError, OSError, KeyError) as error:  # StoreError is a ValueError
        raise Gap(f"the data of {run.folder.name} cannot be opened: {error}") from None
    if data.store.checksum != trained.config["data"]["checksum"]:
        raise Gap(f"{run.settings['store']} now holds other data than {run.folder.name} was trained on")
    rows = {entry["id"]: row for row, entry in enumerate(data.store.index)}
    missing = [crystal for crystal in crystals if crystal not in rows]
    if missing:
        raise Gap(f"{run.settings['store']} has no crystal {missing[0]}, which crystals.csv of the run names")
    batch = data.batch(np.array([rows[crystal] for crystal in crystals]), run.at)
    with torch.inference_mode():
        predicted = trained.predict(batch["input"], batch.get("condition"))
    return cases_of(data, batch, predicted)


def cases_of(data: PairDataModule, batch: Mapping[str, Tensor], predicted: Tensor) -> dict[str, Case]:
    """The predictions (B, 1, H, W) of a batch of one crystal each, by the crystals' ids."""
    errors, r = mse(predicted, batch["target"]), correlation_r(predicted, batch["target"])
    cases = {}
    for i, row in enumerate(batch["index"].tolist()):
        entry = data.store.index[row]
        names = entry["id"], entry["formula"], entry["space_group"] or ""
        images = (images[i, 0].numpy() for images in (batch["input"], predicted, batch["target"]))
        cases[entry["id"]] = Case(*names, *images, mse=float(errors[i]), r=float(r[i]))
    return cases
