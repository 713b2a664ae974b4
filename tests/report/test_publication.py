"""The look of a report's figures."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.text import Text

from lacbed_gan.report.collect import Group, Run
from lacbed_gan.report.image_figures import cases_figure, series_figure
from lacbed_gan.report.predicted import Case
from lacbed_gan.report.publication import PowersOfTen, logarithmic, new_figure, rendered
from lacbed_gan.report.statistics_figures import loss_figure, symmetry_figure


@pytest.fixture
def group():
    made = Run(Path("run"), {"direction": "forward", "thickness": [50], "fold": 0}, {"test/mse": 0.1, "train/mse": 0.1})
    row = {"id": "Si", "space_group": "F d -3 m:1", "number": "227", "plane_group": "p4mm", "mse": 0.1}
    made.__dict__["crystals"] = [row | {"split": split} for split in ("test", "train")]
    made.__dict__["curves"] = [{"epoch": 0.0, "test/mse": 0.1, "train/mse": 0.1, "train/loss_g_l1": 3.0}]
    return Group("group", (made,), None)


@pytest.fixture
def case():
    image = np.eye(8)
    return Case("Si", "Si" * 20, "F d -3 m:1", image, image, image, 0.0, 1.0)  # a perfect one can be drawn


def test_all_letters_have_eight_points(group, case):
    figures = [loss_figure(group, "forward"), symmetry_figure(group, "forward", "space_group")]
    figures += [cases_figure({"best": case}, "forward"), series_figure({50: case, 100: case}, "inverse")]
    for figure in figures:
        png, pdf = rendered(figure)
        assert png[:4] == b"\x89PNG" and pdf[:4] == b"%PDF"
        assert {text.get_fontsize() for text in figure.findobj(Text) if text.get_text()} == {8}
    assert [figure.get_figwidth() * 25.4 for figure in figures] == pytest.approx([85, 170, 170, 85])


def test_labels_of_a_logarithmic_axis_are_plain_text():
    axes = new_figure(85, 85).subplots()
    axes.plot([1, 2], [2e-4, 3e-2])
    logarithmic(axes)
    axes.figure.canvas.draw()
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert "10⁻³" in labels and not any("$" in label for label in labels)
    assert isinstance(axes.yaxis.get_minor_formatter(), PowersOfTen)
