"""How sure are networks that draw their answers, and are they right? Trained and judged on the same crystals.

    python experiments/posterior/run.py STORE [STORE ...] [key=value ...]

Each STORE holds pairs of real crystals; several are taken as one. Settings are those of train, such as size=64 and
trainer=gpu. Inverse, 50 nm, folds of formulas and of structure types: the regression, flow matching, the conditional
GAN with noise and the variational autoencoder, judged on 100 crystals of the test fold, clean and with the noise of
1,000 electrons at the brightest pixel, with the spread that the network learned and with that fitted on the validation
part; beside two answers without a network. Started again it goes on where it was. Writes results.md and figures
beside this file; runs are in runs/posterior.
"""

from __future__ import annotations

import csv
import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import torch

from lacbed_gan.base.files import replacing
from lacbed_gan.commands.choices import prepare
from lacbed_gan.commands.config import composed
from lacbed_gan.commands.train import check, train
from lacbed_gan.data.datamodule import PairDataModule
from lacbed_gan.data.sources import open_pairs
from lacbed_gan.models.networks.drawing import AS_LEARNED
from lacbed_gan.models.weights import load_weights, save_weights
from lacbed_gan.report.posterior import Answers, answers_of, judged, posterior_summary, rank_figure, spread_rows
from lacbed_gan.running.folder import run_name
from lacbed_gan.store.packed import open_store, pack
from lacbed_gan.store.store import Store, sha256

HERE = Path(__file__).parent
RUNS = Path("runs/posterior")
COUNTS = 1000.0
COMMON = ["direction=inverse", "thickness=50", "logger=csv", f"runs={RUNS}"]
BETAS = "betas=[0.9,0.999]"  # of networks that draw, without a discriminator
ORDER = "model.generator.order=20"  # that of those that draw
PLAIN = "model.discriminator.whitened=false"  # as it was when this was measured
SPLITS = {  # the first folds of structure types are one type each, later ones several
    "formula, fold 0": ["data.group=formula", "fold=0"],
    "15 structure types, fold 9": ["data.group=prototype", "fold=9"],
    "a structure type, fold 1": ["data.group=prototype", "fold=1"],
    "formula, fold 1": ["data.group=formula", "fold=1"],
}  # fmt: skip
KINDS = {
    "regression": ["model.discriminator=null", "model.loss_weights.span=1", "epochs=60", ORDER],
    "flow": ["model=flow", "model.generator.counts=1000", "epochs=60", BETAS],
    "cGAN with noise": ["model.noise=8", "model.loss_weights.span=1", "epochs=30", ORDER, PLAIN],
    "vae": ["model=vae", "model.generator.counts=1000", "epochs=30", BETAS],
}
SEEDS = {  # of the folds of formulas
    f"{kind}, seed {seed}": [*KINDS[kind], f"seed={seed}"] for seed in (1, 2) for kind in ("regression", "flow")
}  # fmt: skip
STATES = {  # electrons at the brightest pixel, and whether samples spread as the network has learned
    "noise, spread as learned": (COUNTS, True), "noise": (COUNTS, False), "clean": (None, False),
}  # fmt: skip
COLUMNS = {  # of the table: name of the measure, how it is written, what stands above
    "covered_50": ("{:.0%}", "50 %"), "covered_80": ("{:.0%}", "80 %"), "covered_95": ("{:.0%}", "95 %"),
    "crps": ("{:.3f}", "CRPS"), "width": ("{:.3f}", "80 % width"),
    "mean_mse": ("{:.2f}", "MSE of the mean"), "mean_origin_mse": ("{:.2f}", "at the best origin"),
    "mean_origin_r": ("{:.4f}", "R there"),
    "one_mse": ("{:.2f}", "of one sample"), "best_mse": ("{:.2f}", "of the best of 64"),
    "nearest_mse": ("{:.2f}", "sample to training"), "true_nearest_mse": ("{:.2f}", "truth to training"),
}  # fmt: skip


def main(stores: list[str], words: list[str]) -> None:
    torch.set_num_threads(1)
    store = stores[0] if len(stores) == 1 else str(joined(stores))
    results: dict[str, dict] = {}
    for split, folds in SPLITS.items():
        for kind, own in (KINDS | (SEEDS if split.startswith("formula") else {})).items():
            settings = composed("train", [f"store={store}", *folds, *COMMON, *own, *words])
            results[f"{split}|{kind}"] = measured(settings)
            write(results)


def measured(settings) -> dict:
    """The network trained, unless it is there already, and judged in each of `STATES`."""
    folder = settings.runs / run_name(settings.plain())
    file = folder / "judged.json"
    if not file.exists():
        check(settings)
        train(settings)
        trained, data = opened(settings, folder)
        rows = spread_rows(data.test_rows)
        values: dict = {"folder": str(folder), "crystals": len(rows), "states": {}}
        fitted = trained.network.spread if trained.draws else AS_LEARNED
        for state, (counts, as_learned) in STATES.items():
            if trained.draws:
                trained.network.spread = AS_LEARNED if as_learned else fitted
            elif as_learned:
                continue
            if trained.draws and not as_learned and counts == settings.plain()["model"]["generator"].get("counts"):
                table = at_the_end_of(folder)
            else:
                table = judged(answers_of(trained, data, rows, counts=counts), data, rows)
            values["states"][state] = {"table": table, "summary": posterior_summary(table)}
        if not trained.draws:  # once for each split
            tables = {name: judged(answers, data, rows) for name, answers in without_networks(data, rows).items()}
            values["nulls"] = {name: posterior_summary(table) for name, table in tables.items()}
        spread = load_weights(folder / "best.ckpt").config["data"].get("spread")
        values |= {"spread": spread, "training": json.loads((folder / "summary.json").read_text())}
        file.write_text(json.dumps(values))
    return json.loads(file.read_text())


def at_the_end_of(folder: Path) -> list[dict]:
    """What the run itself has judged, with the noise of its training."""
    words = {"id", "formula", "ranks"}
    with (folder / "posterior.csv").open(encoding="utf-8", newline="") as lines:
        table = [{n: v if n in words else float(v) for n, v in row.items()} for row in csv.DictReader(lines)]
    return [row | {"samples": int(row["samples"])} for row in table]


def without_networks(data: PairDataModule, rows: np.ndarray) -> dict[str, list[Answers]]:
    """Answers that need none: 64 training crystals at random, and the training crystal with the nearest pattern."""
    batch, training = data.batch(rows), data.batch(data.train_rows)
    names = ("rho_max", "rho_min")
    span = torch.tensor([float(np.subtract(*(entry[n] for n in names))) for entry in data.store.index])
    random = np.random.default_rng(0)
    others = {"64 training crystals at random": [random.permutation(len(data.train_rows))[:64] for _ in rows]}
    near = torch.cdist(batch["input"].flatten(1), training["input"].flatten(1)).argmin(1, keepdim=True)
    others["training crystal with the nearest pattern"] = list(near.numpy())
    return {
        name: [
            Answers(training["target"][p, 0], span[data.train_rows[p]], batch["target"][i, 0], float(span[row]))
            for i, (row, p) in enumerate(zip(rows, places, strict=True))
        ]
        for name, places in others.items()
    }


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
    lines = [
        "Of 100 crystals of a test fold, at most, the ten strongest |U_hk| are judged. MSE · 10⁴; CRPS and width in "
        "units of the mean |U_hk|; of answers that are one, CRPS is the absolute error.", "",
    ]  # fmt: skip
    for split in SPLITS:
        shown = {k.partition("|")[2]: v for k, v in results.items() if k.startswith(f"{split}|")}
        if not shown:
            continue
        lines += [f"## {split}: {next(iter(shown.values()))['training']['train_crystals']} training crystals", ""]
        lines += [
            f"| answers | {' | '.join(title for _, title in COLUMNS.values())} |",
            "|---" * (len(COLUMNS) + 1) + "|",
        ]
        for kind, values in shown.items():
            for state, judgement in values["states"].items():
                lines.append(row(f"{kind}, {state}", judgement["summary"], len(values["states"]) < len(STATES)))
        for name, summary in next(iter(shown.values())).get("nulls", {}).items():
            lines.append(row(name, summary, not name.startswith("64")))
        lines.append("")
        for kind, values in shown.items():
            if found := values["spread"]:
                before, after = (" ".join(f"{100 * x:.0f}" for x in found[name]) for name in ("before", "after"))
                lines.append(
                    f"- {kind}: spread × {found['scale']:.2f}, tail {found['tail']:g}; intervals on the "
                    f"{found['crystals']} crystals of the validation part {before}, with it {after} %."
                )
        for kind, values in shown.items():
            name, _, seed = kind.partition(", ")
            one = shown.get(f"regression, {seed}" if seed else "regression")
            if name != "regression" and one:
                ratios = [
                    f"{state} {ratio(values['states'][state]['table'], one['states']['noise']['table'])}"
                    for state in ("noise, spread as learned", "noise")
                ]
                lines.append(f"- {kind}, MSE of the mean at the best origin by the regression's: {'; '.join(ratios)}.")
        lines.append("")
    (HERE / "results.md").write_text("\n".join(lines))
    for state, name in (("noise", "ranks_noise"), ("noise, spread as learned", "ranks_as_learned")):
        tables = [
            (key.replace("|", ": "), values["states"][state]["table"])
            for key, values in results.items()
            if "|regression" not in key
        ]
        if tables:
            with replacing(HERE / f"{name}.png") as file:
                rank_figure(tables).savefig(file, dpi=110, format="png")


def ratio(table: list[dict], other: list[dict]) -> str:
    """Of the mean MSE over crystals at the best origin, and from where to where 95 % of resamplings of them have it."""
    errors = np.array([[line["mean_origin_mse"] for line in one] for one in (table, other)])
    drawn = np.random.default_rng(0).integers(0, errors.shape[1], (2000, errors.shape[1]))
    low, high = np.quantile(np.divide(*errors[:, drawn].mean(-1)), (0.025, 0.975))
    return f"{np.divide(*errors.mean(1)):.2f} ({low:.2f} to {high:.2f})"


def row(name: str, summary: dict[str, float], one: bool) -> str:
    """A line of the table; of answers that are one without what only a distribution has."""
    without = ("width", "one_mse", "best_mse") if one else ()
    cells = [
        "–" if n in without or (one and n.startswith("covered"))
        else form.format(summary[n] * (1e4 if n.endswith("mse") else 1))
        for n, (form, _) in COLUMNS.items()
    ]  # fmt: skip
    return f"| {name} | {' | '.join(cells)} |"


if __name__ == "__main__":
    main([w for w in sys.argv[1:] if "=" not in w], [w for w in sys.argv[1:] if "=" in w])
