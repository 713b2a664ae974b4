"""What training with shifts of the origin of ρ gives a forward network, on the shipped pairs."""

import pytest
import torch
from run_folders import undrawn

from lacbed_gan.commands.config import composed
from lacbed_gan.commands.train import prepare, train
from lacbed_gan.data.references import baselines
from lacbed_gan.data.sources import open_pairs
from lacbed_gan.measures.metrics import mse
from lacbed_gan.models.weights import load_weights
from lacbed_gan.running.folder import run_name


@torch.inference_mode()
def answers(trained, batch):
    return trained.predict(batch["input"], batch["condition"])


def error_ratio(tmp_path, shift):
    """Test MSE on ρ with shifted origins over that on ρ as stored, after training with or without shifts."""
    words = ["trainer=cpu", "logger=csv", f"runs={tmp_path}", "origin=given", "size=32", "batch_size=32", "epochs=15"]
    words += ["model=fourier", "model.generator.order=8", "model.generator.width=128", "model.generator.depth=2"]
    config = composed("train", [*words, f"augment.shift={str(shift).lower()}"])
    with undrawn():
        train(config)
    trained = load_weights(tmp_path / run_name(config.plain()) / "last.ckpt")
    _, data = prepare(config, open_pairs(str(config.store), {"name": "store", "group": "formula"}))
    data.setup()
    batch = data.batch(data.test_rows)
    generator = torch.Generator().manual_seed(0)
    shifted = []
    for _ in range(4):
        moves = torch.randint(data.size, (len(batch["input"]), 2), generator=generator).tolist()
        images = [image.roll(move, (-2, -1)) for image, move in zip(batch["input"], moves, strict=True)]
        shifted.append(mse(answers(trained, batch | {"input": torch.stack(images)}), batch["target"]).mean())
    plain = mse(answers(trained, batch), batch["target"]).mean()
    assert plain < 0.7 * baselines(data)["mean_image"].mean()  # it has learnt something
    return float(torch.stack(shifted).mean() / plain)


def test_after_training_with_shifts_the_origin_does_not_matter(tmp_path):
    assert error_ratio(tmp_path, shift=True) == pytest.approx(1, abs=0.05)
    assert error_ratio(tmp_path, shift=False) > 1.3
