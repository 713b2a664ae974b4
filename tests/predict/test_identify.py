"""From a pattern to the crystal it is of, and to that crystal's thickness and vibration."""

import json
from dataclasses import replace

import numpy as np
import pytest

import lacbed_gan as lg
from lacbed_gan.base.errors import UserError
from lacbed_gan.commands import identify, refine
from lacbed_gan.commands.config import composed
from lacbed_gan.crystal.catalogue import catalogue
from lacbed_gan.images.grey import ImageError
from lacbed_gan.predict.identification.calculation import Physics
from lacbed_gan.predict.identification.verdict import RIGHT
from lacbed_gan.predict.refinement.model import Model
from lacbed_gan.predict.refinement.parameters import parameters

SIZE, THICKNESS, B_ISO = 24, 71.0, 0.9
SMALL = {"g_max": 1.2, "align": False}  # beams of the calculations


def copper(b_iso=B_ISO):
    crystal = catalogue()["Cu"]
    return replace(crystal, b_iso=np.full(len(crystal.elements), b_iso))


@pytest.fixture(scope="module")
def pattern():
    """Of copper: 2,000 counts of the beam in a pixel."""
    intensity = lg.bright_field(copper(), [THICKNESS], SIZE, g_max=1.2, absorption="tds", half_width=4.0)[0]
    return np.random.default_rng(0).poisson(2000 * intensity.numpy()).astype(np.float32)


@pytest.fixture(scope="module")
def structures(tmp_path_factory):
    """A table of three crystals of about one cell edge, and of one of another."""
    rows = [
        {"id": name, "hm": "F m -3 m", "a": a, "sites": [[element, 0, 0, 0, 1, None]]}
        for name, element, a in (
            ("copper", "Cu", 3.61),
            ("nickel", "Ni", 3.64),
            ("heavy", "Pt", 3.6),
            ("gold", "Au", 4.08),
        )
    ]
    path = tmp_path_factory.mktemp("known") / "known.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def identified(pattern, structures, **more):
    arguments = {"a": 3.62, "half_width": 4.0, "thickness": (60, 80), "best": 2, "structures": structures}
    return lg.identify(pattern, **SMALL | arguments | more)


def test_the_crystal_is_first_at_its_thickness(pattern, structures):
    result = identified(pattern, structures)
    first = result.rows[0]
    assert first["name"] == "copper" and abs(first["thickness"] - THICKNESS) <= 1 and first["b_factor"] > 1
    assert {row["name"] for row in result.rows} == {"copper", "nickel", "heavy"}  # gold has another cell edge
    assert result.verdict.unexplained < 0.01 and result.verdict.kind != "none fits"
    assert result.rows[1]["unexplained"] > 1.5 * first["unexplained"]


def test_none_fits_where_the_crystal_is_not_in_the_table(pattern, structures):
    crystals = [replace(catalogue()["Au"], name="gold", a=3.62, volume=3.62**3)]
    result = identified(pattern, crystals, limit=0.02, absorption="none")
    assert result.verdict.kind == "none fits" and "None fits" in result.verdict.text


def test_a_heavy_crystal_is_found_to_vibrate_half_as_much_as_assumed():
    """By perturbation other B seem to fit better, with all beams 0.3 Å² leaves next to nothing."""
    platinum = catalogue()["Pt"]
    crystal = replace(platinum, b_iso=np.full(4, 0.3))
    image = lg.bright_field(crystal, [110.0], 32, g_max=2.5, absorption="tds", half_width=4.0)[0].numpy()
    counts = np.random.default_rng(0).poisson(5000 * image).astype(float)
    known = {"a": platinum.a, "half_width": 4.0, "align": False}
    result = lg.identify(counts, structures=[platinum], thickness=(108, 112), b_iso=0.6, g_max=2.5, **known)
    first = result.rows[0]
    assert abs(first["thickness"] - 110) < 0.3 and result.verdict.unexplained < RIGHT / 2
    assert abs(0.6 * first["b_factor"] - 0.3) < 0.02


def test_dark_fields_count_too(structures):
    hkl = [(0, 0, 0), (2, 0, 0), (2, 2, 0)]
    images = lg.dark_field(copper(), hkl, [THICKNESS], SIZE, g_max=1.2, half_width=4.0)[:, 0]
    result = identified(images.numpy(), structures, reflections=hkl, absorption="none")
    assert result.rows[0]["name"] == "copper" and result.rows[0]["r"] > 0.99
    assert len(result.ranking.best[0].fit.r) == 3
    with pytest.raises(UserError, match="2 0 0 comes twice"):
        lg.observe(images.numpy(), [hkl[0], hkl[1], hkl[1]], a=3.6)
    with pytest.raises(UserError, match="3 images for 1 reflections"):
        lg.observe(images.numpy(), a=3.6)


@pytest.mark.parametrize(
    ("message", "more"),
    [
        ("none has a = 9 Å within 1.2%; check a", {"a": 9.0}),
        ("neither one positive number of nm nor a least and a largest", {"thickness": (1, 2, 3)}),
    ],
)
def test_what_cannot_be_identified_is_said(pattern, structures, message, more):
    with pytest.raises(UserError, match=message):
        identified(pattern, structures, **more)


def command(module, name, tmp_path, *words):
    settings = composed(name, [f"output={tmp_path / 'out'}", *map(str, words)])
    module.check(settings)
    getattr(module, name)(settings)
    return tmp_path / "out"


def test_the_commands(tmp_path, pattern, structures, capsys):
    """A list of candidates with units, and the first of them refined."""
    series = tmp_path / "series.npz"
    np.savez(series, image=pattern[None], hkl=np.array([[0, 0, 0]]))
    words = [f"input={series}", "half_width=4", "align=none", "g_max=1.2"]
    more = [
        f"structures={structures}",
        "a=3.6",
        "thickness=70",
        "checkpoint=null",
        "workers=1",
        "best=1",
        "absorption=none",
    ]
    out = command(identify, "identify", tmp_path, *words, *more)
    numbers = json.loads((out / "series.json").read_text())
    assert numbers["candidates"][0]["name"] == "copper" and numbers["units"]["thickness"] == "nm"
    assert (out / "series.csv").read_text().splitlines()[0].count("(nm)") == 1 and (out / "series.png").exists()
    assert np.load(out / "series.npz")["calculated"].shape[1:] == (1, SIZE, SIZE)
    assert "copper" not in capsys.readouterr().err

    cif = tmp_path / "copper.cif"
    cif.write_text(
        "data_Cu\n_cell_length_a 3.61\n_cell_length_b 3.61\n_cell_length_c 3.61\n_space_group_name_H-M_alt 'F m -3 m'\n"
        "loop_\n_atom_site_label\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\nCu 0 0 0\n"
    )
    out = command(refine, "refine", tmp_path, *words, f"crystal={cif}", "thickness=70", "free=[thickness,b_iso,blur]")
    numbers = json.loads((out / "series.json").read_text())
    values = {one["name"]: one for one in numbers["parameters"]}
    thickness, b = values["thickness"], values["B of Cu"]
    assert thickness["unit"] == "nm" and abs(thickness["value"] - THICKNESS) < 0.5 and b["unit"] == "Å²"
    assert abs(b["value"] - B_ISO) < 5 * b["standard_error"] + 0.05 and b["standard_error"] < 0.2
    assert numbers["reflections"][0]["r_after"] > 0.98 and numbers["chi2_after"] < 1.5 < numbers["chi2_before"]
    assert (out / "series_path.csv").read_text().startswith("step,share of variance left,thickness (nm)")


def test_centre_and_rotation_are_found():
    """Of a pattern that is moved and turned by less than a pixel and a degree."""
    window = {"g_max": 1.2, "half_width": 4.0}
    image = lg.bright_field(copper(), [THICKNESS], SIZE, **window)[0].numpy().astype(float)
    observation = lg.observe(image, a=3.61, half_width=4.0, align=False)
    free = ("centre", "rotation")
    chosen = parameters(copper(), [THICKNESS], free)
    physics = Physics(1.2, "none")
    model = Model(copper(), [observation], physics, chosen, [THICKNESS])
    moved = model.images(np.array([0.4, -0.3, 0.8]))[0]
    result = lg.refine(
        [replace(observation, images=moved)], copper(), [THICKNESS], free=free, g_max=1.2, absorption="none"
    )
    assert np.allclose(result.values, [0.4, -0.3, 0.8], atol=0.1)


def test_structure_factors_are_fitted():
    """Of a crystal whose first ones differ from those of neutral atoms, as bonds make them."""
    observation = lg.observe(lg.bright_field(copper(), [60], 16, half_width=4.0)[0].numpy(), a=3.61, half_width=4.0)
    chosen = parameters(copper(), [60.0], ["u_hk"], orders=2)
    assert [p.name for p in chosen] == ["U of 2 0 0", "U of 2 2 0"]
    truth, more = np.array([0.96, 1.03]), {"g_max": 1.2, "b_iso": B_ISO, "absorption": "none"}
    model = Model(copper(), [observation], Physics(1.2, "none"), chosen, [60.0])
    images = model.images(truth)[0]
    result = lg.refine([replace(observation, images=images)], copper(), [60.0], free=["u_hk"], orders=2, **more)
    assert np.allclose(result.values, truth, atol=2e-3)


def test_occupancies_and_ionicity_of_two_thicknesses_together():
    """Bright fields of a perovskite that lacks some strontium and is half of ions, with noise of 3,000 counts."""
    crystal = replace(catalogue()["SrTiO3"], b_iso=np.full(5, 1.2))
    shape = lg.observe(np.random.default_rng(0).random((16, 16)), a=crystal.a, half_width=4.0, align=False)
    series = [replace(shape, images=np.zeros((1, 16, 16)))] * 2
    free, more = ["thickness", "occupancy", "ionicity"], {"g_max": 1.2, "absorption": "none", "b_iso": 1.2}
    chosen = parameters(crystal, [44.0, 69.0], free)
    assert [p.name for p in chosen][2:] == ["occupancy of Sr", "occupancy of Ti", "occupancy of O", "ionicity"]
    truth = np.array([45.3, 68.1, 0.93, 1.0, 1.0, 0.5])
    model, random = Model(crystal, series, Physics(1.2, "none"), chosen, [44.0, 69.0]), np.random.default_rng(1)
    observations = [
        replace(shape, images=random.poisson(3000 * model.sharp(truth, i)).astype(float), noise=np.array([0.003]))
        for i in range(2)
    ]
    result = lg.refine(observations, crystal, [44.0, 69.0], free=free, **more)
    assert np.abs(result.values - truth).max() < 0.3 and np.abs(result.values[2:] - truth[2:]).max() < 0.03
    assert (np.abs(result.values - truth) < 4 * result.errors + 1e-3).all() and (result.errors[2:] < 0.02).all()
    assert len(result.after) == 2 and min(each[0] for each in result.after) > 0.99
    assert result.crystal.occupancy[0] == pytest.approx(result.values[2])


@pytest.mark.parametrize(
    ("message", "arrays"),
    [
        ("no array 'hkl'", {"image": np.ones((1, 16, 16))}),
        (r"image \(16, 16\) and hkl \(1, 3\)", {"image": np.ones((16, 16)), "hkl": np.zeros((1, 3), int)}),
    ],
)
def test_series_that_cannot_be_read(tmp_path, structures, message, arrays):
    path = tmp_path / "series.npz"
    np.savez(path, **arrays)
    with pytest.raises(ImageError, match=message):
        command(identify, "identify", tmp_path, f"input={path}", f"structures={structures}", "checkpoint=null")


def test_a_flat_image_is_refused():
    with pytest.raises(UserError, match="the image of 0 0 0 is flat"):
        lg.observe(np.ones((16, 16)), a=3.6)
