"""What the discriminator gives and costs: networks trained with it and without, the same in all else.

    python experiments/adversarial/run.py STORE forward|inverse [SHARE ...]

STORE is a store of pairs of real crystals. 50 nm, fold 0, three seeds, each with the error alone (discriminator=null)
and with the discriminator at a share of 0.15 of the gradient at the image, or at each SHARE. Started again it goes on
where it was. Writes <direction>.md beside this file; runs are in runs/adversarial.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import torch

from lacbed_gan.commands.config import composed
from lacbed_gan.commands.train import check, train
from lacbed_gan.data.datamodule import PairDataModule
from lacbed_gan.models.inference import predict
from lacbed_gan.models.weights import load_weights
from lacbed_gan.running.folder import run_name
from lacbed_gan.store.packed import open_store

HERE = Path(__file__).parent
SEEDS = (0, 1, 2)
DARKEST = 0.1  # share of an image's pixels


def main(store: str, direction: str, shares: list[float]) -> None:
    torch.set_num_threads(1)
    kinds = {"the error alone": ["model.discriminator=null"]}
    kinds |= {f"discriminator, share {share:g}": [f"model.loss_weights.share={share:g}"] for share in shares}
    rows: list[tuple[str, list[dict[str, float]]]] = []
    for kind, words in kinds.items():
        rows.append((kind, [measured(store, direction, words, seed) for seed in SEEDS]))
        write(store, direction, rows)


def measured(store: str, direction: str, words: list[str], seed: int) -> dict[str, float]:
    """Numbers of one run, of its test and its validation part; trained unless it is there already."""
    words = [f"store={store}", f"direction={direction}", f"seed={seed}", "trainer=cpu", "logger=csv", *words]
    settings = composed("train", [*words, "runs=runs/adversarial"])
    folder = settings.runs / run_name(settings.plain())
    results = folder / "adversarial.json"
    if not results.exists():
        began = time.process_time()
        check(settings)
        train(settings)
        seconds = time.process_time() - began
        summary = json.loads((folder / "summary.json").read_text())
        name = "mse" if direction == "forward" else "origin_mse"
        numbers = {f"{part}": summary[f"{part}/{name}"] for part in ("test", "validation")}
        numbers |= {"told_apart": summary.get("test/told_apart", float("nan")), "seconds": seconds}
        results.write_text(json.dumps(numbers | images(store, folder, direction, settings.seed)))
    return json.loads(results.read_text())


def images(store: str, folder: Path, direction: str, seed: int, part: str = "test") -> dict[str, float]:
    """Spectrum and dark lines of the answers of the test fold, or the validation part, against the true images."""
    trained = load_weights(folder / "best.ckpt")
    network = trained.settings
    data = PairDataModule(
        open_store(store), direction, network.thickness, 0, 32, condition=network.condition, seed=seed,
        origin=network.origin, validation="part",
    )  # fmt: skip
    data.setup()
    batch = data.batch(data.test_rows if part == "test" else data.validation_rows)
    with torch.no_grad():
        answers = predict(trained.network, batch["input"], batch.get("condition"))[:, 0].numpy()
    truth = batch["target"][:, 0].numpy()
    ratio = np.log10(spectrum(answers) / spectrum(truth))
    flat, wanted = (x.reshape(len(x), -1) for x in (answers, truth))
    dark = np.argsort(wanted, 1)[:, : int(DARKEST * wanted.shape[1])]
    excess = np.take_along_axis(flat - wanted, dark, 1).mean()
    return {
        "spectrum": float(np.sqrt((ratio**2).mean())),
        "low": float(np.sqrt((ratio[:20] ** 2).mean())),  # up to 20 periods an image
        "high": float(ratio[len(ratio) // 2 :].mean()),
        "dark": float(excess),
    }


def spectrum(images: np.ndarray) -> np.ndarray:
    """Mean power of images (N, n, n) by spatial frequency, n/2 rings from 1 period an image on."""
    n = images.shape[-1]
    window = np.outer(np.hanning(n), np.hanning(n))
    power = np.abs(np.fft.fft2((images - images.mean((1, 2), keepdims=True)) * window)) ** 2
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(n, 1 / n), np.fft.fftfreq(n, 1 / n))).round().astype(int)
    return np.array([power.mean(0)[frequency == ring].mean() for ring in range(1, n // 2)])


def write(store: str, direction: str, rows: list[tuple[str, list[dict[str, float]]]]) -> None:
    lines = [
        f"Store {Path(store).name}, {direction}; mean and standard deviation over {len(SEEDS)} seeds"
        f"{'' if direction == 'forward' else '; MSE at the best origin'}.", "",
        "| trained by | test MSE · 10⁴ | of the error alone | validation MSE · 10⁴ | told apart | "
        "spectrum, rms of log₁₀ | its upper half, mean log₁₀ | darkest tenth, too bright by | processor seconds |",
        "|---|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    base = statistics.mean(run["test"] for run in rows[0][1])
    for kind, runs in rows:
        mean = {name: statistics.mean(run[name] for run in runs) for name in runs[0]}
        spread = statistics.stdev(run["test"] for run in runs)
        told = "–" if np.isnan(mean["told_apart"]) else f"{mean['told_apart']:.2f}"
        lines.append(
            f"| {kind} | {1e4 * mean['test']:.3g} ± {1e4 * spread:.2g} | {mean['test'] / base:.2f} | "
            f"{1e4 * mean['validation']:.3g} | {told} | {mean['spectrum']:.3f} | {mean['high']:+.3f} | "
            f"{mean['dark']:+.4f} | {mean['seconds']:.0f} |"
        )
    (HERE / f"{direction}.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], [float(word) for word in sys.argv[3:]] or [0.15])
