"""Structures → store: what is kept, what is left out, and going on after an interruption."""

import sys

import gemmi
import numpy as np
import pytest
import torch

from lacbed_gan.base.errors import SettingsError
from lacbed_gan.commands import simulate
from lacbed_gan.commands.command import run_command
from lacbed_gan.commands.config import composed
from lacbed_gan.crystal import Crystal
from lacbed_gan.crystal.vibration import DrawnB
from lacbed_gan.diffraction import bright_field, dark_field, projected_potential
from lacbed_gan.diffraction.cut_off import LADDER, AutoCutOff
from lacbed_gan.diffraction.patterns import compute_patterns
from lacbed_gan.images.scaling import to_uint8
from lacbed_gan.store import making as pairs
from lacbed_gan.store.packed import open_packed, pack
from lacbed_gan.store.store import Store, StoreError

EDGES = {"Cu": 3.615, "Al": 4.05, "Ni": 3.524}
TINY = ["size=8", "g_max=1.2", "thickness=[50]", "workers=1", "device=cpu", "b_iso_default=0"]


def cif(element, a, c=None):
    """Face-centred cubic metal."""
    cell = f"_cell_length_a {a}\n_cell_length_b {a}\n_cell_length_c {c or a}\n"
    angles = "".join(f"_cell_angle_{x} 90\n" for x in ("alpha", "beta", "gamma"))
    sites = "".join(f"_atom_site_{x}\n" for x in ("label", "type_symbol", "fract_x", "fract_y", "fract_z"))
    return f"data_x\n{cell}{angles}_space_group_name_H-M_alt 'F m -3 m'\nloop_\n{sites}{element}1 {element} 0 0 0\n"


@pytest.fixture
def cifs(tmp_path, monkeypatch):
    """Folder of three usable files, in an otherwise empty working directory."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "cifs"
    folder.mkdir()
    for element, a in EDGES.items():
        (folder / f"{element}.cif").write_text(cif(element, a))
    return folder


def run(*words):
    config = composed("simulate", ["structures=cifs", "output=out", *TINY, *words])
    simulate.check(config)
    return Store.open(simulate.simulate(config))


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_folder_goes_on_with_the_rest_and_lists_what_it_left_out(cifs, capsys):
    bad = {
        "tetragonal": cif("Cu", 3.6, 3.9),
        "empty": cif("Cu", 3.6).split("loop_")[0],
        "unknown": cif("Qq", 3.6),
        "cellless": cif("Cu", 3.6).replace("_cell_length_a 3.6\n", ""),
        "text": "to be or not to be",
    }
    for name, text in bad.items():
        (cifs / f"{name}.cif").write_text(text)
    store = run()
    lines = capsys.readouterr().out.splitlines()
    left_out = {line.split(".cif")[0]: line for line in lines if line.startswith("left out: ")}
    assert set(left_out) == {f"left out: cifs/{name}" for name in bad}
    reasons = ("not cubic", "no atoms", "unknown element 'Qq'", "cell is missing", "not a CIF")
    for name, reason in zip(bad, reasons, strict=True):
        assert reason in left_out[f"left out: cifs/{name}"]
    assert lines[-1] == "3 crystals in out, 5 left out"
    assert sum(line.startswith("error of intensities (rms): median ") for line in lines) == 1
    assert [entry["id"] for entry in store.index] == sorted(EDGES)


def test_nothing_usable_is_an_error_and_leaves_nothing(cifs):
    for file in cifs.iterdir():
        file.write_text("nothing")
    with pytest.raises(ValueError, match="none of the 3 structures could be used"):
        run()
    assert [path.name for path in cifs.parent.iterdir()] == ["cifs"]


def test_entries_and_images(cifs):
    store = run("save_intensity=true")
    assert (store.size, store.thickness) == (8, (50.0,))
    assert store.settings == {
        "method": "converged",
        "g_max": 1.2,
        "energy_kv": 200,
        "half_width": 7.266,
        "felix_ranks": 1,
        "dark_field": [],
        "b_iso_default": 0,
        "rho_g_max": 4.25,
        "rho_sampling": "periodic",
    }
    store.verify()
    for row, entry in enumerate(store.index):
        crystal = Crystal.from_cif(cifs / f"{entry['id']}.cif")
        potential = projected_potential(crystal, 8, g_max=4.25, sampling="periodic").numpy()
        intensity = bright_field(crystal, [50.0], 8, g_max=1.2).numpy()
        (patterns,) = compute_patterns([crystal], [50.0], 8, g_max=1.2)
        assert entry["error_rms"] == pytest.approx(patterns.error_rms, rel=5e-3) and entry["error_rms"] > 0
        assert entry["error_max"] == pytest.approx(patterns.error_max, rel=5e-3)
        assert entry["a"] == EDGES[entry["id"]]
        assert (entry["formula"], entry["number"], entry["pattern_symmetry"]) == (entry["id"], 225, "4mm")
        assert gemmi.SpaceGroup(entry["space_group"]).number == 225
        assert (entry["rho_min"], entry["rho_max"]) == pytest.approx((potential.min(), potential.max()), abs=1e-12)
        assert np.array_equal(store.potential[row], to_uint8(potential))
        assert np.array_equal(store.pattern[row], to_uint8(intensity))
        assert np.array_equal(store.intensity[row], intensity)


def test_intensities_are_not_kept_unless_asked_for(cifs):
    assert run().intensity is None


def test_energy_and_angles_reach_the_calculation(cifs):
    crystal = Crystal.from_cif(cifs / "Cu.cif")
    store = run("structures=cifs/Cu.cif", "energy_kv=100", "half_width=3", "save_intensity=true")
    (patterns,) = compute_patterns([crystal], [50.0], 8, g_max=1.2, energy_kv=100, half_width=3)
    assert np.array_equal(store.intensity[0], patterns.intensity.numpy())
    (usual,) = compute_patterns([crystal], [50.0], 8, g_max=1.2)
    assert np.abs(store.intensity[0] - usual.intensity.numpy()).max() > 0.01
    at_100_kv = projected_potential(crystal, 8, energy_kv=100)
    assert store.index[0]["rho_max"] == pytest.approx(float(at_100_kv.max()), abs=1e-12)


def test_dark_field_patterns_are_kept_and_packing_drops_them(cifs):
    store = run("dark_field=[[2,0],[2,-2,0]]", "thickness=[50,80]")
    assert store.settings["dark_field"] == [[2, 0], [2, -2]]
    assert store.dark_field.images.shape == (3, 2, 2, 8, 8) and store.dark_field.range.shape == (3, 2, 2, 2)
    store.verify()
    for row, entry in enumerate(store.index):
        crystal = Crystal.from_cif(cifs / f"{entry['id']}.cif")
        (patterns,) = compute_patterns([crystal], [50.0, 80.0], 8, g_max=1.2, dark_field=[(2, 0), (2, -2)])
        off = np.abs(store.dark_field.intensity(row) - patterns.dark_field.numpy()).max((-2, -1))
        assert (off <= 0.51 / 255 * np.ptp(store.dark_field.range[row], -1)).all()
        assert patterns.dark_field.max() > 1e-3
    pack(store, "packed.zip")
    packed = open_packed("packed.zip")
    assert packed.dark_field is None and packed.checksum == store.checksum
    packed.verify()
    assert run("output=without").dark_field is None


def test_debye_waller_default_is_for_atoms_without_one(cifs):
    text = cif("Al", 4.05).replace("_atom_site_fract_z\n", "_atom_site_fract_z\n_atom_site_B_iso_or_equiv\n")
    (cifs / "Al.cif").write_text(text.replace("0 0 0", "0 0 0 0.5"))
    words = ("b_iso_default=1.5", "output=with", "save_intensity=true")
    plain, damped = run("save_intensity=true"), run(*words)
    same = [np.array_equal(*pair) for pair in zip(plain.intensity, damped.intensity, strict=True)]
    assert [entry["id"] for entry in plain.index] == ["Al", "Cu", "Ni"]
    assert same == [True, False, False]


def test_vibration_is_drawn_unless_a_number_is_asked_for(cifs):
    """For each crystal without displacements, by its id and the seed; those of a source stay; the store says it."""
    text = cif("Al", 4.05).replace("_atom_site_fract_z\n", "_atom_site_fract_z\n_atom_site_B_iso_or_equiv\n")
    (cifs / "Al.cif").write_text(text.replace("0 0 0", "0 0 0 0.5"))
    store = run("b_iso_default=null", "save_intensity=true", "seed=3")
    assert store.recipe.b_iso_default == DrawnB(0.2, 1.2, 3)
    aluminium, copper, nickel = store.index
    assert "b_iso" not in aluminium and copper["b_iso"] == DrawnB(0.2, 1.2, 3).of("Cu") != nickel["b_iso"]
    damped = Crystal.from_cif(cifs / "Cu.cif").with_default_b_iso(copper["b_iso"])
    assert np.array_equal(store.intensity[1], bright_field(damped, [50.0], 8, g_max=1.2).numpy())
    with pytest.raises(SettingsError, match="delete it or choose another"):
        run("b_iso_default=null", "save_intensity=true", "seed=4")
    assert composed("simulate", ["structures=cifs", "output=x", "method=felix"]).recipe.b_iso_default == 0


def test_the_cut_off_that_each_crystal_needs_stands_in_its_line(cifs):
    store = run("g_max=auto", "tolerance=0.05", "b_iso_default=1.5", "save_intensity=true")
    assert store.recipe.g_max == AutoCutOff(0.05)
    for entry, intensity in zip(store.index, store.intensity, strict=True):
        assert entry["g_max"] in LADDER and entry["error_rms"] < 0.05
        damped = Crystal.from_cif(cifs / f"{entry['id']}.cif").with_default_b_iso(1.5)
        assert np.array_equal(intensity, bright_field(damped, [50.0], 8, g_max=entry["g_max"]).numpy())
    with pytest.raises(SettingsError, match="delete it or choose another"):
        run("g_max=auto", "tolerance=0.04", "b_iso_default=1.5", "save_intensity=true")
    assert all("g_max" not in entry for entry in run("output=fixed").index)


def test_felix(cifs):
    store = run("structures=cifs/Cu.cif", "method=felix", "size=2")
    expected = bright_field(Crystal.from_cif(cifs / "Cu.cif"), [50.0], 2, method="felix").numpy()
    assert store.settings["method"] == "felix"
    assert np.array_equal(store.pattern[0], to_uint8(expected))


def test_named_structures(cifs):
    assert len(run("structures=prototypes", "count=2")) == 2


def test_a_run_that_was_interrupted_goes_on(cifs, monkeypatch):
    undisturbed = run("output=undisturbed")
    works = pairs.compute

    def stops(crystals, **settings):
        if crystals[0].name == "Cu":
            raise KeyboardInterrupt
        return works(crystals, **settings)

    monkeypatch.setattr(pairs, "compute", stops)
    with pytest.raises(KeyboardInterrupt):
        run()
    computed = []

    def counted(crystals, **settings):
        computed.extend(crystal.name for crystal in crystals)
        return works(crystals, **settings)

    monkeypatch.setattr(pairs, "compute", counted)
    continued = run()
    assert computed == ["Cu", "Ni"]
    assert contents(cifs.parent / "out") == contents(cifs.parent / "undisturbed")
    assert continued.checksum == undisturbed.checksum


def test_a_crystal_that_cannot_be_computed_is_left_out(cifs, monkeypatch, capsys):
    def fails(crystals, *arguments, **settings):
        if crystals[0].name == "Cu":
            return [ValueError("its atoms are not symmetric")]
        return compute_patterns(crystals, *arguments, **settings)

    monkeypatch.setattr("lacbed_gan.diffraction.patterns.compute_patterns", fails)
    assert [entry["id"] for entry in run().index] == ["Al", "Ni"]
    assert "left out: Cu: its atoms are not symmetric" in capsys.readouterr().out


def test_nothing_that_can_be_computed_is_an_error_and_leaves_nothing(cifs, capsys):
    with pytest.raises(SettingsError, match="none of the 3 structures could be used; no store was written"):
        run("dark_field=[[40,0]]")
    assert "left out: Cu: " in capsys.readouterr().out
    assert [path.name for path in cifs.parent.iterdir()] == ["cifs"]


RUTILE = """data_x
_cell_length_a 4.5937
_cell_length_b 4.5937
_cell_length_c 2.9587
_symmetry_space_group_name_H-M 'P 42/m n m'
loop_
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Ti 0 0 0
O 0.3048 0.3048 0
"""


def test_other_zones_and_crystals_in_one_store(cifs, capsys):
    """Each crystal along each zone; an entry says what a pair lacks. Along [001] of cubic ones it says nothing new."""
    (cifs / "rutile.cif").write_text(RUTILE)
    store = run("zone=[[0,0,1],[1,1,0]]", "dark_field=[[1,-1,0]]", "save_intensity=true")
    assert [entry["id"] for entry in store.index][:2] == ["Al [0 0 1]", "Al [1 1 0]"] and len(store) == 8
    assert store.settings["zone"] == [[0, 0, 1], [1, 1, 0]]
    usual, other = store.index[:2]
    assert "zone" not in usual and usual["pattern_symmetry"] == "4mm"
    assert (other["zone"], other["x_axis"], other["basis"]) == ([1, 1, 0], [0, 0, 1], [[0, 0, 1], [1, -1, 0]])
    assert (other["b1"], other["b2"], other["angle"]) == pytest.approx((1 / 4.05, 2**0.5 / 4.05, 90))
    assert other["quadrants"] and other["pattern_symmetry"] == "2mm"
    rutile = Crystal.from_cif(cifs / "rutile.cif")
    assert store.index[7]["cell"] == list(rutile.cell)
    found = bright_field(rutile, (50,), 8, zone=(1, 1, 0), g_max=1.2)
    assert np.abs(store.intensity[7] - found.numpy()).max() < 1e-5
    dark = dark_field(rutile, (1, -1, 0), (50,), 8, zone=(1, 1, 0), g_max=1.2)
    assert np.abs(store.dark_field.intensity(7)[0] - dark.numpy()).max() < 0.51 / 255 * float(dark.max())
    rho = projected_potential(rutile, 8, zone=(1, 1, 0))
    assert np.array_equal(store.potential[7], to_uint8(rho.numpy()))
    out = run("zone=[1,1,1]", "window=1/A", "half_width=0.5", "output=absolute", "save_intensity=true")
    found = bright_field(rutile, (50,), 8, zone=(1, 1, 1), window="1/Å", half_width=0.5, g_max=1.2)
    assert np.array_equal(out.intensity[3], found.numpy()) and out.recipe.window.unit == "1/Å"
    with pytest.raises(ValueError, match="Cu: x_axis 1 0 0 is not normal to the zone axis 1 1 1"):
        run("zone=[1,1,1]", "x_axis=[1,0,0]", "structures=cifs/Cu.cif", "output=none")


def test_crystals_past_the_tolerance_are_listed(cifs, capsys):
    errors = {entry["id"]: entry["error_rms"] for entry in run().index}
    worst = max(errors, key=errors.get)
    capsys.readouterr()
    run("output=again", f"tolerance={sorted(errors.values())[1]}")
    lines = capsys.readouterr().out.splitlines()
    assert f"largest {errors[worst]:.2g}" in lines[0]
    assert lines[1].startswith("1 crystal is past tolerance=")
    assert lines[2].split() == [worst, worst, f"{errors[worst]:.2g}"]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["g_max=inf"], "g_max=inf is not a positive number of 1/Å, or auto"),
        (["energy_kv=0"], "energy_kv=0 is not a positive number"),
        (["half_width=-1"], "half_width=-1 is not a positive number"),
        (["half_width=true"], "half_width=true is not a positive number"),
        (["tolerance=nan"], "tolerance=nan is not a positive number"),
        (["b_iso_default=-0.1"], "b_iso_default=-0.1 is not a number of Å² from 0 to 100"),
        (
            ["b_iso_default=[0.2,100]"],
            "b_iso_default=[0.2,100] is not a number of Å² from 0 to 100, or a range of them",
        ),
        (["b_iso_default=[1.2,0.2]"], "b_iso_default=[1.2,0.2] does not rise; give [0.2,1.2] or one number"),
        (["felix_ranks=0", "method=felix"], "felix_ranks=0 is not a whole number from 1 up"),
        (["felix_ranks=4"], "felix_ranks=4 needs method=felix"),
        (["method=felix", "energy_kv=300"], "method=felix is made for energy_kv=200"),
        (["method=felix", "half_width=5"], "method=felix is made for half_width=7.266"),
        (["method=felix", "g_max=auto"], "g_max=auto needs method=converged"),
        (["method=felix", "dark_field=[[2,0]]"], "dark_field needs method=converged"),
        (["dark_field=3"], "dark_field=3 is not a list"),
        (
            ["dark_field=[2,0]"],
            "2 is not a reflection; give a list of reflections hk0, such as [[2,0],[2,2]]",
        ),
        (["dark_field=[[2,0.5]]"], "[2, 0.5] is not a reflection"),
        (["dark_field=[[2]]"], "[2] is not a reflection"),
        (["dark_field=[[2,0,2]]"], "[2, 0, 2] is not in the zone [001]"),
        (["dark_field=[[0,0]]"], "[0, 0] is the direct beam"),
        (["dark_field=[[2,0],[2,0,0]]"], "[2, 0, 0] comes twice"),
        (["zone=[1,1]"], "zone=[1,1] is not three whole numbers uvw such as [1,1,0], or a list of such"),
        (["zone=110"], "zone=110 is not three whole numbers uvw"),
        (["window=degrees"], "window=degrees is not one of reciprocal, 1/Å, mrad"),
        (["window=mrad"], "half_width=… is needed with window=mrad"),
        (["method=felix", "zone=[1,1,0]"], "zone and window need method=converged"),
        (["x_axis=[1,1,0]", "zone=[[0,0,1],[1,1,0]]"], "x_axis is of one zone"),
        (["device=tpu"], "device=tpu is not one of null, cpu, cuda"),
        (["workers=0"], "workers=0 is not a whole number from 1 up"),
        (["shard=3"], "shard=3 is not of the form k/n with 1 ≤ k ≤ n, such as 3/16"),
        (["shard=0/4"], "shard=0/4 is not of the form"),
        (["shard=5/4"], "shard=5/4 is not of the form"),
        (["output=cifs", "shard=1/2"], "cifs: the folder is not empty and not a store; choose another output"),
    ],
)
def test_settings_that_are_refused(cifs, words, named):
    with pytest.raises((SettingsError, StoreError)) as error:
        simulate.check(composed("simulate", ["structures=cifs", "output=out", *words]))
    assert named in str(error.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_a_gpu_that_is_not_there(cifs):
    with pytest.raises(SettingsError, match="finds no GPU here; take device=cpu"):
        run("device=cuda")
    assert not (cifs.parent / "out").exists()


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["output=out", "g_max=1.3"], "output=out holds a finished store; delete it or choose another output"),
        (["output=out", "save_intensity=true"], "output=out holds a finished store; delete it"),
        (["output=out", "structures=cifs/Cu.cif"], "output=out holds a finished store of other crystals; delete it"),
        (
            ["output=half", "g_max=1.3"],
            "half: holds an unfinished store made with other settings (g_max: 1.2 there",
        ),
        (["output=cifs"], "cifs: the folder is not empty and not a store; choose another output"),
    ],
)
def test_an_output_that_cannot_be_used_is_one_line(cifs, monkeypatch, capsys, words, named):
    run()
    monkeypatch.setattr(pairs, "compute", None)  # ends the work on the first crystal
    with pytest.raises(TypeError):
        run("output=half")
    capsys.readouterr()
    silent = ["hydra/job_logging=none", "hydra/hydra_logging=none"]
    monkeypatch.setattr(sys, "argv", ["simulate", "structures=cifs", *TINY, *silent, *words])
    with pytest.raises(SystemExit) as exit:
        run_command("simulate", simulate.check, simulate.simulate)
    assert exit.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {named}")
    assert error.count("\n") == 1
    assert {path.name for path in cifs.parent.iterdir()} == {"cifs", "out", "half"}


def test_its_own_finished_store_is_said_and_left_alone(cifs, monkeypatch, capsys):
    """So that a job that is queued again ends well; crystals that failed before are no others."""
    (cifs / "bad.cif").write_text("nothing")
    run()
    before = contents(cifs.parent / "out")
    monkeypatch.setattr(pairs, "compute", None)
    capsys.readouterr()
    monkeypatch.setattr(sys, "argv", ["simulate", "structures=cifs", "output=out", *TINY])
    run_command("simulate", simulate.check, simulate.simulate)
    printed, error = capsys.readouterr()
    assert not error and "out holds this store, finished: 3 crystals; delete the folder" in printed
    assert contents(cifs.parent / "out") == before
