"""Folders of runs as training leaves them, without training; and training that draws nothing."""

import csv
import json
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from omegaconf import OmegaConf

from lacbed_gan.data.datamodule import PairDataModule

SYMMETRIES = (("P 21 3", 198, "p2gg"), ("P n -3 S", 201, "p2mm"), ("P n -3 Z", 201, "p2mm"), ("F m -3 m", 225, "p4mm"))


def write_run(runs, direction, thickness, fold, symmetries=SYMMETRIES, crystals=12, **settings):
    """A run folder without a checkpoint, its measures at random; returns its settings, for other values."""
    random = np.random.default_rng([thickness, fold, len(direction)])
    values = {"direction": direction, "thickness": thickness, "fold": fold, "store": "stores/gone", "size": 32}
    values |= {"epochs": 4, "condition": "scale" if direction == "forward" else "none", "batch_size": 16, "seed": 0}
    values |= {"model": {"generator": {"name": "global_unet"}, "condition": "scale"}, **settings}
    values.setdefault("group", f"gone-{values['seed']}")
    folder = runs / f"{direction}-{thickness}nm-fold{fold}-{values['seed']}"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(OmegaConf.to_yaml(values))
    names = ["id", "formula", "space_group", "number", "a", "plane_group", "split", "mse", "r"]
    names += ["origin_mse", "origin_r"] if direction == "inverse" else []
    rows, summary = [], {"baseline/mean_image_mse": 0.05, "baseline/nearest_mse": 0.03}
    for split in ("test", "train"):
        errors = 10 ** random.normal(-3.5 if split == "test" else -3.8, 0.5, crystals)
        rs = 1 - 10 * errors
        for i, (error, r) in enumerate(zip(errors, rs, strict=True)):
            group, number, plane = symmetries[i % len(symmetries)]
            row = [f"{split}{fold}-{i}", "Na1 Cl1", group, number, 5.64, plane, split, f"{error:.6g}", f"{r:.6g}"]
            rows.append(row + ([f"{error / 2:.6g}", f"{(1 + r) / 2:.6g}"] if direction == "inverse" else []))
        summary |= {f"{split}/mse": errors.mean(), f"{split}/r": rs.mean()}
        if direction == "inverse":
            summary |= {f"{split}/origin_mse": errors.mean() / 2, f"{split}/origin_r": (1 + rs.mean()) / 2}
    summary |= {"test/misjudged": 2} if direction == "inverse" and fold < 2 else {}
    (folder / "summary.json").write_text(json.dumps(summary))
    with (folder / "crystals.csv").open("w", newline="") as file:
        csv.writer(file).writerows([names, *rows])
    terms = {"train/loss_g_gan": 1.0, "train/loss_d_real": 0.3, "train/loss_g_feature_matching": 4.0}
    curve = [
        {"epoch": epoch, **terms}
        | {f"{split}/mse": summary[f"{split}/mse"] * 2 ** (3 - epoch) for split in ("test", "train")}
        for epoch in range(4)
    ]
    with (folder / "metrics.csv").open("w", newline="") as file:
        csv.writer(file).writerows([list(curve[0]), *(list(row.values()) for row in curve)])
    return folder


@contextmanager
def undrawn():
    """Figures are composed, but drawing them takes longer than a run of two epochs: their files are empty."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", lambda figure, file, **_: hasattr(file, "write") or Path(file).touch())
        yield


def data_of(checkpoint):
    """The pairs that the run of a checkpoint was trained on."""
    settings = checkpoint["config"]["settings"]
    names = "store direction thickness fold batch_size size condition seed validation origin".split()
    data = PairDataModule(**{name: settings[name] for name in names})
    data.setup()
    return data
