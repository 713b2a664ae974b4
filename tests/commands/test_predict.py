"""The command predict: a CIF to patterns, an image to ρ, by what the files hold; and what it refuses."""

import importlib.util
import json
import subprocess
import sys

import numpy as np
import pytest
from microscope_files import write_signal
from PIL import Image

from lacbed_gan.base.errors import SettingsError
from lacbed_gan.commands import predict
from lacbed_gan.commands.config import composed

SILICON = """data_Si
_cell_length_a 5.431
_cell_length_b 5.431
_cell_length_c 5.431
_space_group_name_H-M_alt 'F d -3 m:1'
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Si 0 0 0
"""


@pytest.fixture
def cif(tmp_path):
    path = tmp_path / "crystal.txt"  # the name tells nothing
    path.write_text(SILICON)
    return path


@pytest.fixture
def pattern():
    k = (np.arange(64) - 31.5) / 64
    image = np.cos(9 * k[:, None] ** 2) * np.cos(20 * k**2) + np.hypot(k[:, None], k)
    return np.rint(60000 * (image - image.min()) / np.ptp(image)).astype(np.uint16)


def run(tmp_path, *words):
    config = composed("predict", [f"output={tmp_path / 'out'}", *words])
    predict.check(config)
    predict.predict(config)
    return tmp_path / "out"


def test_a_cif_becomes_patterns_at_each_thickness(tmp_path, cif, make_weights, capsys):
    out = run(tmp_path, f"input={cif}", f"checkpoint={make_weights('forward')}")
    patterns = np.load(out / "crystal.npy")
    assert patterns.shape == (2, 32, 32) and patterns.dtype == np.float32
    numbers = json.loads((out / "crystal.json").read_text())
    assert numbers["thickness"] == [50, 200] and numbers["formula"] == "Si" and numbers["warnings"] == []
    with Image.open(out / "crystal.png") as figure:
        assert figure.width > 400
    assert not (out / "crystal_exact.npy").exists()
    assert "1 prediction in" in capsys.readouterr().out


def test_compare_adds_the_exact_calculation(tmp_path, cif, make_weights):
    weights = make_weights("forward")
    out = run(tmp_path, f"input={cif}", f"checkpoint={weights}", "compare=true", "thickness=50")
    exact, found = np.load(out / "crystal_exact.npy"), np.load(out / "crystal.npy")
    assert exact.shape == found.shape == (1, 32, 32) and exact.min() == 0 and exact.max() == 1
    numbers = json.loads((out / "crystal.json").read_text())
    assert numbers["mse"] == pytest.approx([float(((exact - found) ** 2).mean())], rel=1e-4)
    assert numbers["r"] == pytest.approx([0.5 + 0.5 * np.corrcoef(exact.ravel(), found.ravel())[0, 1]], abs=1e-4)


def test_b_of_a_cif_without_displacements(tmp_path, cif, make_weights, capsys):
    """That of the network's pairs unless another is asked for; the exact calculation takes the same, and all say so."""
    weights = make_weights("forward")
    words = (f"input={cif}", f"checkpoint={weights}", "compare=true", "thickness=50", "figure=false")
    out = run(tmp_path, *words)
    still = np.load(out / "crystal_exact.npy")
    assert json.loads((out / "crystal.json").read_text())["b_iso"] == 0
    assert "crystal.txt: B = 0 Å² for atoms without a displacement parameter" in capsys.readouterr().out
    out = run(tmp_path, *words, "b_iso=1.5")
    assert json.loads((out / "crystal.json").read_text())["b_iso"] == 1.5
    assert "crystal.txt: B = 1.5 Å² for atoms without a displacement parameter" in capsys.readouterr().out
    assert np.abs(np.load(out / "crystal_exact.npy") - still).max() > 0.02


def test_files_of_one_pattern_give_one_rho(tmp_path, pattern, make_weights):
    folder = tmp_path / "measured"
    folder.mkdir()
    Image.fromarray(pattern).save(folder / "tiff16.tif")
    Image.fromarray(pattern.astype(np.float32)).save(folder / "tiff32.tif")
    Image.fromarray(pattern).save(folder / "png16.png")
    np.save(folder / "array.npy", pattern)
    files = ["tiff16", "tiff32", "png16"]
    if importlib.util.find_spec("rsciio"):
        write_signal(folder / "hyperspy.hspy", "hspy", pattern, units="")
        files.append("hyperspy")
    np.save(folder / "turned.npy", np.rot90(pattern, axes=(1, 0)))  # clockwise
    (folder / "notes.md").write_text("measured on Monday")
    weights = make_weights("inverse")
    out = run(tmp_path, f"input={folder}", f"checkpoint={weights}", "a=5.43", "check=false", "figure=false")
    found = {name: np.load(out / f"{name}.npy") for name in (*files, "array", "turned")}
    assert found["array"].shape == (32, 32) and np.ptp(found["array"]) > 0.01
    for name in files:
        assert np.abs(found[name] - found["array"]).max() < 1e-5
    assert np.abs(found["turned"] - found["array"]).max() > 1e-3
    words = [f"input={folder / 'turned.npy'}", f"checkpoint={weights}", "a=5.43", "check=false", "rotation=-90"]
    again = np.load(run(tmp_path, *words) / "turned.npy")
    assert np.abs(again - found["array"]).max() < 1e-4
    inverted = tmp_path / "inverted.npy"
    np.save(inverted, -pattern.astype(float))
    words = [f"input={inverted}", f"checkpoint={weights}", "a=5.43", "check=false", "polarity=dark_high"]
    assert np.abs(np.load(run(tmp_path, *words) / "inverted.npy") - found["array"]).max() < 1e-5


def test_rho_comes_with_its_range_and_the_check(tmp_path, pattern, make_weights, capsys):
    np.save(tmp_path / "measured.npy", pattern)
    out = run(tmp_path, f"input={tmp_path / 'measured.npy'}", f"checkpoint={make_weights('inverse')}", "a=3.5")
    numbers = json.loads((out / "measured.json").read_text())
    assert numbers["range_of_rho"] > 0 and numbers["check"]["flagged"] is True
    assert (out / "measured.png").exists()
    said = capsys.readouterr().out
    assert "warning: the pattern recomputed from ρ differs" in said and "1 − R" in said


def test_one_bad_file_does_not_stop_the_others(tmp_path, cif, make_weights, capsys):
    bad = tmp_path / "orthorhombic.cif"
    bad.write_text(SILICON.replace("_cell_length_b 5.431", "_cell_length_b 6"))
    run(tmp_path, f"input=[{bad},{cif}]", f"checkpoint={make_weights('forward')}", "figure=false")
    said = capsys.readouterr().out
    assert "left out:" in said and "not cubic" in said and "1 prediction in" in said
    with pytest.raises(SettingsError, match="not cubic"):
        run(tmp_path, f"input={bad}", f"checkpoint={make_weights('forward')}")


def test_what_does_not_go_together_is_refused_before_work(tmp_path, cif, pattern, make_weights):
    image, other = tmp_path / "p.npy", tmp_path / "text.txt"
    np.save(image, pattern)
    other.write_text("nothing")
    (tmp_path / "p.tif").write_bytes(b"II*\0")
    forward, inverse = make_weights("forward"), make_weights("inverse")
    for message, words in [
        ("input=… is needed", []),
        ("gone: no such file", ["input=gone"]),
        ("neither a CIF nor an image", [f"input={other}"]),
        ("would both be called p", [f"input=[{image},{tmp_path / 'p.tif'}]"]),
        ("never saw it; it knows 50, 200 nm", [f"input={cif}", f"checkpoint={forward}", "thickness=75"]),
        ("never saw it; it knows 50 nm", [f"input={image}", f"checkpoint={inverse}", "thickness=75", "a=5"]),
        ("is of direction=inverse, which takes a pattern", [f"input={cif}", f"checkpoint={inverse}"]),
        ("a=… is needed, the cell edge", [f"input={image}", f"checkpoint={inverse}"]),
        ("give one of them", [f"input={image}", f"checkpoint={inverse}", "a=5", "pixel_size=0.1", "half_width=3"]),
        ("a=-2 is not a positive number", [f"input={image}", "a=-2"]),
        ("polarity=grey is not one of", [f"input={image}", "polarity=grey"]),
        (r"centre=\[1\] is not", [f"input={image}", "centre=[1]"]),
        ("gone.safetensors: no such file", [f"input={cif}", "checkpoint=gone.safetensors"]),
    ]:
        with pytest.raises(ValueError, match=message) as error:
            run(tmp_path, *words)
        assert "\n" not in str(error.value)
        assert not (tmp_path / "out").exists()


def test_the_command_line_imports_neither_lightning_nor_wandb(tmp_path, cif, make_weights):
    program = (
        "import sys, runpy; sys.argv = ['predict', *sys.argv[1:]]\n"
        "runpy.run_module('lacbed_gan.predict', run_name='__main__')\n"
        "print([n for n in ('lightning', 'wandb', 'torchmetrics') if n in sys.modules])"
    )
    words = [f"input={cif}", f"checkpoint={make_weights('forward')}", f"output={tmp_path / 'out'}"]
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]" and done.stderr == ""
