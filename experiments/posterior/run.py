"""How sure are networks that draw their answers, and are they right? Trained and judged on the same crystals.

    python experiments/posterior/run.py STORE [STORE ...] [key=value ...]

Each STORE holds pairs of real crystals; several are taken as one. Settings are those of train, such as trainer=gpu and
epochs=60. Inverse, 50 nm, one fold of formulas and one of structure types: the regression, flow matching, the
variational autoencoder and the conditional GAN with noise, judged on 100 crystals of the test fold, clean and with the
noise of 1,000 electrons at the brightest pixel. Started again it goes on where it was. Writes results.md and figures
beside this file; runs are in runs/posterior.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch

from lacbed_gan.base.files import replacing
from lacbed_gan.commands.choices import prepare
from lacbed_gan.commands.config import composed
from lacbed_gan.commands.train import check, train
from lacbed_gan.data.sources import open_pairs
from lacbed_gan.models.weights import load_weights, save_weights
from lacbed_gan.report.posterior import answers_of, judged, posterior_summary, rank_figure, spread_rows
from lacbed_gan.running.folder import run_name
from lacbed_gan.store.packed import open_store, pack
from lacbed_gan.store.store import Store, sha256

HERE = Path(__file__).parent
RUNS = Path("runs/posterior")
COUNTS = 1000.0
COMMON = ["direction=inverse", "thickness=50", "logger=csv", f"runs={RUNS}"]
LONGER = ["betas=[0.9,0.999]", "epochs=60"]  # of networks that draw, without a discriminator
SPLITS = {  # the first folds of structure types are one type each
    "formula": ["data.group=formula", "fold=0"], "structure type": ["data.group=prototype", "fold=1"],
}  # fmt: skip
KINDS = {
    "regression": ["model=fourier", "model.discriminator=null", "model.loss_weights.span=1"],
    "flow, trained with noise": ["model=flow", "model.generator.counts=1000", *LONGER],
    "vae, trained with noise": ["model=vae", "model.generator.counts=1000", *LONGER],
    "cGAN with noise": ["model.noise=8", "model.loss_weights.span=1"],
    "flow": ["model=flow", *LONGER],
}
COLUMNS = {  # of the table: name of the measure, how it is written, what stands above
    "covered_50": ("{:.0%}", "50 %"), "covered_80": ("{:.0%}", "80 %"), "covered_95": ("{:.0%}", "95 %"),
    "crps": ("{:.3f}", "CRPS"), "width": ("{:.3f}", "80 % width"),
    "mean_mse": ("{:.2f}", "MSE of the mean"), "mean_origin_mse": ("{:.2f}", "at the best origin"),
    "mean_r": ("{:.4f}", "R"), "one_mse": ("{:.2f}", "of one sample"), "best_mse": ("{:.2f}", "of the best of 64"),
    "nearest_mse": ("{:.2f}", "sample to training"), "true_nearest_mse": ("{:.2f}", "truth to training"),
}  # fmt: skip


def main(stores: list[str], words: list[str]) -> None:
    torch.set_num_threads(1)
    store = stores[0] if len(stores) == 1 else str(joined(stores))
    results: dict[str, dict] = {}
    for kind, own in KINDS.items():
        for split, folds in SPLITS.items():
            settings = composed("train", [f"store={store}", *folds, *COMMON, *own, *words])
            results[f"{split}|{kind}"] = measured(settings)
            write(results)


def measured(settings) -> dict:
    """The network trained, unless it is there already, and judged clean and with noise."""
    folder = settings.runs / run_name(settings.plain())
    file = folder / "judged.json"
    if not file.exists():
        check(settings)
        train(settings)
        trained, data = opened(settings, folder)
        rows = spread_rows(data.test_rows)
        values: dict = {"folder": str(folder), "test_crystals": len(data.test_rows), "crystals": len(rows)}
        for name, counts in (("clean", None), ("noise", COUNTS)):
            began = time.perf_counter()
            answers = answers_of(trained, data, rows, counts=counts)
            seconds = (time.perf_counter() - began) / len(rows)
            table = judged(answers, data, rows)
            values[name] = {"table": table, "summary": posterior_summary(table), "seconds": seconds}
        values["training"] = json.loads((folder / "summary.json").read_text())
        file.write_text(json.dumps(values))
    return json.loads(file.read_text())


def opened(settings, folder: Path):
    """The trained networks and their data, with the images read."""
    pairs = open_pairs(settings.store, settings.plain()["data"], lambda codes: codes)
    _, data = prepare(settings, pairs)
    data.setup()
    trained = load_weights(folder / "best.ckpt")
    save_weights(folder / "weights.safetensors", trained)
    if torch.cuda.is_available():
        for network in (trained.network, trained.span_head):
            network.to("cuda")
    return trained, data


def joined(files: list[str]) -> Path:
    """One packed store of the crystals of several of one recipe."""
    name = hashlib.sha256(" ".join(files).encode()).hexdigest()[:8]
    path = RUNS / f"store-{name}.zip"
    if not path.exists():
        RUNS.mkdir(parents=True, exist_ok=True)
        stores = [open_store(file) for file in files]
        index = b"".join(store.index_text for store in stores)
        images = {part: np.concatenate([getattr(s, part) for s in stores]) for part in ("potential", "pattern")}
        sums = {part: sha256(array) for part, array in images.items()} | {"index": hashlib.sha256(index).hexdigest()}
        meta = dict(stores[0].meta) | {"count": len(images["potential"]), "sha256": sums}
        pack(Store(str(path), index, meta, lambda: images), path)
    return path


def write(results: dict[str, dict]) -> None:
    first = next(iter(results.values()))
    lines = [
        f"{first['training']['train_crystals']} training crystals; {first['crystals']} of the test fold, of which the "
        "ten strongest |U_hk| are judged. MSE · 10⁴; CRPS and width in units of the mean |U_hk|.", "",
    ]  # fmt: skip
    for split in SPLITS:
        for noise in ("clean", "noise"):
            shown = {k.partition("|")[2]: v for k, v in results.items() if k.startswith(f"{split}|")}
            if not shown:
                continue
            title = "clean patterns" if noise == "clean" else f"noise of {COUNTS:g} electrons at the brightest pixel"
            lines += [f"## By {split}, {title}", ""]
            lines += [f"| network | {' | '.join(title for _, title in COLUMNS.values())} | seconds |"]
            lines += ["|---" * (len(COLUMNS) + 2) + "|"]
            for kind, values in shown.items():
                summary = values[noise]["summary"]
                one = kind == "regression"
                cells = [
                    "–" if one and (n.startswith("covered") or n in ("width", "one_mse", "best_mse"))
                    else form.format(summary[n] * (1e4 if n.endswith("mse") else 1))
                    for n, (form, _) in COLUMNS.items()
                ]  # fmt: skip
                lines.append(f"| {kind} | {' | '.join(cells)} | {values[noise]['seconds']:.2f} |")
            lines.append("")
    (HERE / "results.md").write_text("\n".join(lines))
    for noise in ("clean", "noise"):
        tables = [
            (f"{kind.partition('|')[2]}, by {kind.partition('|')[0]}", values[noise]["table"])
            for kind, values in results.items()
            if not kind.endswith("regression")
        ]
        if tables:
            with replacing(HERE / f"ranks_{noise}.png") as file:
                rank_figure(tables).savefig(file, dpi=130, format="png")


if __name__ == "__main__":
    main([w for w in sys.argv[1:] if "=" not in w], [w for w in sys.argv[1:] if "=" in w])
