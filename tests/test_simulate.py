"""Structures → store: what is kept, what is left out, and going on after an interruption."""

import subprocess
import sys
import time
from pathlib import Path

import gemmi
import numpy as np
import pytest

from lacbed_gan import simulate
from lacbed_gan.config import composed, run_command
from lacbed_gan.crystal import Crystal
from lacbed_gan.data.store import Store, scale_to_uint8
from lacbed_gan.diffraction import bright_field, projected_potential

EDGES = {"Cu": 3.615, "Al": 4.05, "Ni": 3.524}
TINY = ["size=8", "g_max=1.2", "thickness=[50]", "workers=1"]


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
    assert store.settings == {"method": "converged", "g_max": 1.2, "rho_g_max": 4.25, "rho_sampling": "periodic"}
    store.verify()
    for row, entry in enumerate(store.index):
        crystal = Crystal.from_cif(cifs / f"{entry['id']}.cif")
        potential = projected_potential(crystal, 8, g_max=4.25, sampling="periodic").numpy()
        intensity = bright_field(crystal, [50.0], 8, g_max=1.2).numpy()
        assert entry["a"] == EDGES[entry["id"]]
        assert (entry["formula"], entry["number"], entry["pattern_symmetry"]) == (entry["id"], 225, "4mm")
        assert gemmi.SpaceGroup(entry["space_group"]).number == 225
        assert (entry["rho_min"], entry["rho_max"]) == pytest.approx((potential.min(), potential.max()), abs=1e-12)
        assert np.array_equal(store.potential[row], scale_to_uint8(potential))
        assert np.array_equal(store.pattern[row], scale_to_uint8(intensity))
        assert np.array_equal(store.intensity[row], intensity)


def test_intensities_are_not_kept_unless_asked_for(cifs):
    assert run().intensity is None


def test_felix(cifs):
    store = run("structures=cifs/Cu.cif", "method=felix", "size=2")
    expected = bright_field(Crystal.from_cif(cifs / "Cu.cif"), [50.0], 2, method="felix").numpy()
    assert store.settings["method"] == "felix"
    assert np.array_equal(store.pattern[0], scale_to_uint8(expected))


def test_named_structures(cifs):
    assert len(run("structures=prototypes", "count=2")) == 2


def test_a_run_that_was_interrupted_goes_on(cifs, monkeypatch):
    undisturbed = run("output=undisturbed")
    works = simulate._simulate_one

    def stops(crystal, **settings):
        if crystal.name == "Cu":
            raise KeyboardInterrupt
        return works(crystal, **settings)

    monkeypatch.setattr(simulate, "_simulate_one", stops)
    with pytest.raises(KeyboardInterrupt):
        run()
    computed = []

    def counted(crystal, **settings):
        computed.append(crystal.name)
        return works(crystal, **settings)

    monkeypatch.setattr(simulate, "_simulate_one", counted)
    continued = run()
    assert computed == ["Cu", "Ni"]
    assert contents(cifs.parent / "out") == contents(cifs.parent / "undisturbed")
    assert continued.checksum == undisturbed.checksum


def test_a_crystal_that_cannot_be_computed_is_left_out(cifs, monkeypatch, capsys):
    def fails(crystal, *arguments, **settings):
        if crystal.name == "Cu":
            raise ValueError("its atoms are not symmetric")
        return bright_field(crystal, *arguments, **settings)

    monkeypatch.setattr("lacbed_gan.diffraction.bright_field", fails)
    assert [entry["id"] for entry in run().index] == ["Al", "Ni"]
    assert "left out: Cu: its atoms are not symmetric" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["output=out"], "output=out holds a finished store; delete it or choose another output"),
        (
            ["output=half", "g_max=1.3"],
            "half: holds an unfinished store made with other settings (g_max: 1.2 there",
        ),
        (["output=cifs"], "cifs: the folder is not empty and not a store; choose another output"),
    ],
)
def test_an_output_that_cannot_be_used_is_one_line(cifs, monkeypatch, capsys, words, named):
    run()
    monkeypatch.setattr(simulate, "_simulate_one", None)  # ends the work on the first crystal
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


POOL = """
import os, sys, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from lacbed_gan.simulate import start_worker
if __name__ == "__main__":
    with ProcessPoolExecutor(1, get_context("spawn"), start_worker) as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        time.sleep(60)
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for the process in /proc")
def test_workers_end_when_the_command_is_killed(tmp_path):
    (tmp_path / "pool.py").write_text(POOL)
    command = subprocess.Popen([sys.executable, tmp_path / "pool.py"], stdout=subprocess.PIPE)
    worker = int(command.stdout.readline())

    def runs():
        stat = Path(f"/proc/{worker}/stat")
        return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"

    assert runs()
    command.kill()
    command.wait()
    for _ in range(100):
        if not runs():
            return
        time.sleep(0.1)
    raise AssertionError("the worker outlived the command")
