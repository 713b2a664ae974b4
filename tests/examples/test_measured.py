"""The comparison with measured patterns, on made-up ones: what it reads, what it says, and that it finds the truth."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lacbed_gan.diffraction import dark_field

FOLDER = Path(__file__).parents[2] / "experiments" / "measured"


@pytest.fixture
def run(monkeypatch):
    """The command's module."""
    monkeypatch.syspath_prepend(str(FOLDER))
    for name in ("run", "series", "drawing"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import run

    return run


@pytest.fixture
def small(run):
    """The series of GaAs, of 12 × 12 pixels."""
    return replace(run.SERIES[0], size=12, thickness=(40, 50, 60), blurs=(0.0, 0.7))


HKL = [(0, 0, 0), (1, 1, -1), (-1, -1, -1), (0, 0, -2)]


def test_thickness_blur_and_absorption_are_found(run, small, capsys) -> None:
    options = small.options | {"g_max": 1.2, "absorption": "tds"}
    truth = dark_field(small.crystal, HKL, (50,), 12, **options)[:, 0].numpy().astype(np.float64)
    scales = np.array([1.0, 7.0, 30.0, 2.0])[:, None, None]  # each reflection has its own
    found = run.compare(small, HKL, scales * run.blurred(truth, 0.7) + 5, 1.2)
    best = found["tds, blurred"]
    assert (best.thickness, best.blur) == (50, 0.7) and best.r.min() > 0.99999
    assert found["none, blurred"].r[0] < 0.999 and found["tds, sharp"].r.max() < 0.9999
    lines = capsys.readouterr().out.splitlines()
    assert (
        "| tds | 0.70 | 50 | 1.000 | 1.000 | 1.000 |" in lines and sum(line.startswith("| none") for line in lines) == 2
    )


@pytest.mark.parametrize("kind", ["<f8", "<f4", "<u2"])
def test_a_clone_of_felix(run, small, tmp_path, kind) -> None:
    """The folder with most images of the right size counts; others have other sizes or other names."""
    images = np.random.default_rng(0).uniform(0, 60000, (4, 12, 12)).astype(kind)
    for folder, pixels in (("samples/GaAs_long", 10), ("samples/GaAs_long/LR_12x12", 12)):
        (tmp_path / folder).mkdir(parents=True)
        for index, image in zip(HKL, images, strict=True):
            name = "".join(f"{i:+d}" for i in index)
            image[:pixels, :pixels].tofile(tmp_path / folder / f"GaAs_{name}.img")
    images[0].tofile(tmp_path / "samples" / "GaAs_long" / "GaAs_other.img")
    hkl, found = small.of_felix(tmp_path)
    order = [hkl.index(index) for index in HKL]
    assert np.array_equal(found[order], images.astype(np.float64))


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([], "give felix=CLONE"),
        (["felix=nowhere"], "no GaAs_+h+k+l.img of 70 × 70 pixels; felix=… is a clone of https://github.com"),
        (["arrays=nowhere"], "GaAs_m110.npz: no such file"),
        (["felix=a", "arrays=b"], "give felix=CLONE"),
        (["felix=a", "g_max=wide"], "g_max=wide is not a positive number"),
        (["clone"], "is no setting; they are felix, arrays, output, g_max"),
    ],
)
def test_what_cannot_be_used_is_one_line(run, capsys, words, reason) -> None:
    assert run.main(words) == 1
    error = capsys.readouterr().err
    assert reason in error and error.count("\n") == 1


def test_a_blur_keeps_the_sum_and_spreads(run) -> None:
    point = np.zeros((1, 21, 21))
    point[0, 10, 10] = 1.0
    blurred = run.blurred(point, 1.45)[0]
    assert blurred.sum() == pytest.approx(1.0)
    rows = np.arange(21) - 10
    assert (blurred.sum(1) * rows**2).sum() == pytest.approx(1.45**2, rel=0.01)
