"""Pictures of a run: written, and with something on them."""

import numpy as np
import pytest
from matplotlib.image import imread

from lacbed_gan.base.tables import to_csv
from lacbed_gan.report.image_figures import save_samples
from lacbed_gan.report.predicted import Case
from lacbed_gan.report.statistics_figures import save_loss_curves


def colours(path):
    return len(np.unique(imread(path).reshape(-1, 4), axis=0))


@pytest.mark.parametrize("epochs", [1, 3])
def test_loss_curves(tmp_path, epochs):
    rows = [
        {"epoch": i, "test/mse": 0.1 / (i + 1), "train/mse": 0.05, "train/loss_g_l1": 2.0, "train/loss_d_real": 0.3}
        for i in range(epochs)
    ]
    rows[0].pop("train/loss_d_real")  # a term that a run did not have from the start
    (tmp_path / "metrics.csv").write_text(to_csv(rows))
    save_loss_curves(tmp_path)
    assert colours(tmp_path / "loss_curves.png") > 10


@pytest.mark.parametrize(("direction", "count"), [("forward", 1), ("inverse", 3)])
def test_samples(tmp_path, direction, count):
    random = np.random.default_rng(0)
    names = [f"NaCl-{i}" for i in range(count)]
    cases = {name: Case(name, "NaCl", "F m -3 m", *random.random((3, 16, 16)), 0.1, 0.5) for name in names}
    save_samples(cases, direction, tmp_path / "samples.png")
    assert colours(tmp_path / "samples.png") > 100


def test_a_perfect_prediction_can_be_drawn(tmp_path):
    image = np.zeros((8, 8))
    case = Case("NaCl", "NaCl", "F m -3 m", image, image, image, 0.0, 0.5)
    save_samples({"NaCl": case}, "forward", tmp_path / "samples.png")
    assert colours(tmp_path / "samples.png") > 10
