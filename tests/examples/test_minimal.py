"""The example that a newcomer reads first runs, on the shipped pairs, and learns."""

import runpy
from pathlib import Path

from PIL import Image

EXAMPLE = Path(__file__).parents[2] / "examples" / "minimal.py"


def test_a_gan_learns_and_draws_a_pattern(tmp_path, capsys):
    main = runpy.run_path(str(EXAMPLE))["main"]
    error = main(epochs=2, picture=tmp_path / "minimal.png")
    lines = dict(line.rsplit(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert error < float(lines["the mean image"]) and float(lines["train/loss_d_real"]) > 0
    with Image.open(tmp_path / "minimal.png") as image:
        assert image.size == (3 * 32, 4 * 32)
