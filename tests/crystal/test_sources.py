"""POSCAR, extended XYZ, and objects shaped like those of ASE and pymatgen."""

from types import SimpleNamespace

import numpy as np
import pytest
from crystal_contents import contents

from lacbed_gan.crystal import Crystal, CrystalError
from lacbed_gan.crystal.structures import find_files, structures

POSCAR = """rock salt
{scale}
0 0.5 0.5
0.5 0 0.5
0.5 0.5 0
Na Cl
1 1
{mode}
0 0 0 {flags}
{position} {flags}
"""
XYZ = """2
Lattice="4.12 0 0 0 4.12 0 0 0 4.12" Properties=species:S:1:pos:R:3 pbc="T T T"
Cs 0 0 0
Cl 2.06 2.06 2.06
"""


@pytest.mark.parametrize("name", ["POSCAR", "CONTCAR", "POSCAR_NaCl", "NaCl.vasp", "NaCl.poscar"])
@pytest.mark.parametrize(
    ("scale", "mode", "position", "flags"),
    [
        ("5.64", "Direct", "0.5 0.5 0.5", ""),
        ("5.64", "Cartesian", "0.5 0.5 0.5", ""),
        (f"-{5.64**3 / 4}", "direct", "0.5 0.5 0.5", ""),
        ("5.64 5.64 5.64", "Selective dynamics\nDirect", "0.5 0.5 0.5", "T T F"),
    ],
)
def test_poscar(tmp_path, name, scale, mode, position, flags):
    path = tmp_path / name
    path.write_text(POSCAR.format(scale=scale, mode=mode, position=position, flags=flags))
    crystal = Crystal.from_file(path)
    assert (contents(crystal), crystal.number) == ({"Na": 4, "Cl": 4}, 225)
    assert crystal.a == pytest.approx(5.64)
    assert [c.a for c in structures(str(path))] == [crystal.a]


def test_extended_xyz(tmp_path):
    path = tmp_path / "CsCl.xyz"
    path.write_text(XYZ)
    crystal = Crystal.from_file(path)
    assert (crystal.name, crystal.space_group, contents(crystal)) == ("CsCl", "P m -3 m", {"Cs": 1, "Cl": 1})
    path.write_text(XYZ.replace("species:S:1:pos:R:3", "id:I:1:pos:R:3:species:S:1").replace("Cs 0", "1 0")
                    .replace("0 0 0\nCl 2.06 2.06 2.06", "0 0 0 Cs\n2 2.06 2.06 2.06 Cl"))  # fmt: skip
    assert contents(Crystal.from_file(path)) == {"Cs": 1, "Cl": 1}
    path.write_text(XYZ.replace("4.12 0 0 0 4.12", "4.12 0 0 0 4.5"))
    crystal = Crystal.from_file(path)
    assert (crystal.space_group, crystal.cell) == ("P 4 m m", pytest.approx((4.12, 4.12, 4.5, 90, 90, 90)))


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("POSCAR", "few\nlines", "not a POSCAR: it has 2 lines"),
        ("POSCAR", POSCAR.replace("Na Cl\n", "").format(scale=5, mode="d", position="0 0 1", flags=""), "line 6"),
        ("POSCAR", POSCAR.format(scale=5, mode="d", position="0 x 0", flags=""), "line 10, '0 x 0', does not begin"),
        ("x.xyz", "2\nno lattice\nCs 0 0 0\nCl 1 1 1\n", "has no Lattice"),
        ("x.xyz", XYZ + XYZ, "it holds several frames; keep the one that is meant"),
        ("x.xyz", XYZ.replace("T T T", "T T F"), "it is not periodic in three directions"),
        ("x.xyz", XYZ.replace("Cs 0", "Cs a"), "cannot be read"),
        ("x.xyz", "", "not an XYZ file"),
    ],
)
def test_refused(tmp_path, name, text, said):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(CrystalError) as error:
        Crystal.from_file(path)
    assert str(error.value).startswith(f"{path}: ") and said in str(error.value) and "\n" not in str(error.value)


def test_a_folder_of_several_kinds(tmp_path):
    (tmp_path / "CsCl.xyz").write_text(XYZ)
    (tmp_path / "POSCAR").write_text(POSCAR.format(scale=5.64, mode="d", position="0.5 0.5 0.5", flags=""))
    (tmp_path / "bad.vasp").write_text("no")
    assert [path.name for path in find_files(tmp_path)] == ["CsCl.xyz", "POSCAR", "bad.vasp"]
    found = list(structures(str(tmp_path)))
    assert [type(one) for one in found] == [Crystal, Crystal, CrystalError]


def test_atoms_as_of_ase():
    """Two atoms in the primitive cell; the axes of the file are kept beside."""
    cell = 5.64 * np.array([[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    atoms = SimpleNamespace(
        pbc=[True] * 3, cell=cell, info={}, arrays={},
        get_chemical_symbols=lambda: ["Na", "Cl"], get_scaled_positions=lambda wrap: np.array([[0.0] * 3, [0.5] * 3]),
    )  # fmt: skip
    crystal = Crystal.from_ase(atoms)
    assert (crystal.name, crystal.space_group, contents(crystal)) == ("ClNa", "F m -3 m", {"Na": 4, "Cl": 4})
    assert abs(np.linalg.det(crystal.basis.matrix)) == pytest.approx(4)
    with pytest.raises(CrystalError, match="not periodic"):
        Crystal.from_ase(SimpleNamespace(pbc=[True, True, False]))


def test_structure_as_of_pymatgen():
    """A mixed site keeps its shares."""
    mixed = {SimpleNamespace(symbol="Nb").symbol: 0.8, "Zr": 0.2}

    class Structure(list):
        lattice = SimpleNamespace(matrix=np.eye(3) * 3.3)

    sites = [SimpleNamespace(species=mixed, frac_coords=np.array([x] * 3)) for x in (0.0, 0.5)]
    crystal = Crystal.from_pymatgen(Structure(sites), "NbZr")
    assert (crystal.name, crystal.space_group, contents(crystal)) == ("NbZr", "I m -3 m", {"Nb": 1.6, "Zr": 0.4})


def test_objects_of_ase_and_pymatgen():
    build = pytest.importorskip("ase.build")
    assert contents(Crystal.from_ase(build.bulk("NaCl", "rocksalt", 5.64))) == {"Na": 4, "Cl": 4}
    core = pytest.importorskip("pymatgen.core")
    lattice = core.Lattice.cubic(5.64)
    structure = core.Structure.from_spacegroup("Fm-3m", lattice, ["Na+", "Cl-"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    assert contents(Crystal.from_pymatgen(structure)) == {"Na": 4, "Cl": 4}
