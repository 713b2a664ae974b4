"""Pictures of a run: written, and with something on them."""

import numpy as np
import pytest
from matplotlib.image import imread

from lacbed_gan.report.figures import save_loss_curves, save_samples


def colours(path):
    return len(np.unique(imread(path).reshape(-1, 4), axis=0))


@pytest.mark.parametrize("epochs", [1, 3])
def test_loss_curves(tmp_path, epochs):
    rows = [
        {"epoch": i, "test/mse": 0.1 / (i + 1), "train/mse": 0.05, "train/loss_g_l1": 2.0, "train/loss_d_real": 0.3}
        for i in range(epochs)
    ]
    rows[0].pop("train/loss_d_real")  # a term that a run did not have from the start
    save_loss_curves(rows, tmp_path / "curves.png", "inverse-200nm-fold3")
    assert colours(tmp_path / "curves.png") > 10


@pytest.mark.parametrize(("direction", "count"), [("forward", 1), ("inverse", 3)])
def test_samples(tmp_path, direction, count):
    random = np.random.default_rng(0)
    images = {name: random.random((count, 16, 16)) for name in ("input", "prediction", "target")}
    save_samples(images, ["NaCl"] * count, [(0.1, 0.5)] * count, tmp_path / "samples.png", direction)
    assert colours(tmp_path / "samples.png") > 100


def test_a_perfect_prediction_can_be_drawn(tmp_path):
    image = np.zeros((1, 8, 8))
    images = {"input": image, "prediction": image, "target": image}
    save_samples(images, ["NaCl"], [(0.0, 0.5)], tmp_path / "samples.png", "forward")
    assert colours(tmp_path / "samples.png") > 10
