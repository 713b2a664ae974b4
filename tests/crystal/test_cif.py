"""CIF files: what is read, and the one line for what is refused."""

import math

import gemmi
import numpy as np
import pytest

from lacbed_gan.crystal import Crystal, CrystalError
from lacbed_gan.crystal.cif import read_cif
from lacbed_gan.crystal.plane_symmetry import plane_operations, two_fold_axis

CELL = "\n".join(
    f"_cell_length_{x} 5.6533\n_cell_angle_{y} 90" for x, y in zip("abc", ("alpha", "beta", "gamma"), strict=True)
)
ATOMS = """loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Ga1 Ga 0 0 0
As1 As 0.25 0.25 0.25
"""
NAME = "_symmetry_space_group_name_H-M 'F -4 3 m'"
OPERATIONS = "loop_\n_symmetry_equiv_pos_as_xyz\n" + "\n".join(
    f"'{op.triplet()}'" for op in gemmi.SpaceGroup("F -4 3 m").operations()
)


def write(tmp_path, *parts: str, name="GaAs.cif"):
    path = tmp_path / name
    path.write_text("\n".join(("data_x", *parts)) + "\n", encoding="utf-8")
    return path


def silicon(tmp_path, symmetry: str, position: str):
    atoms = ATOMS.replace("Ga1 Ga 0 0 0", f"Si1 Si {position}").replace("As1 As 0.25 0.25 0.25\n", "")
    return read_cif(write(tmp_path, CELL, symmetry, atoms))


@pytest.mark.parametrize("symmetry", [NAME, OPERATIONS, NAME + "\n" + OPERATIONS, "_space_group_IT_number 216"])
def test_symmetry_from_name_operations_or_number(tmp_path, symmetry):
    crystal = Crystal.from_cif(write(tmp_path, CELL, symmetry, ATOMS))
    assert (crystal.name, crystal.formula, crystal.source) == ("GaAs", "AsGa", "GaAs.cif")
    assert (crystal.space_group, crystal.number, crystal.a) == ("F -4 3 m", 216, 5.6533)
    assert len(crystal.elements) == 8
    assert not crystal.b_iso.any()


def test_standard_uncertainties_are_dropped(tmp_path):
    cell = CELL.replace("5.6533", "5.6533(2)")
    atoms = ATOMS.replace("0.25 0.25 0.25", "0.2500(3) 0.2500(3) 0.2500(3)")
    assert read_cif(write(tmp_path, cell, NAME, atoms)).a == 5.6533


def test_volume_of_the_file_unless_it_is_of_another_cell(tmp_path):
    assert read_cif(write(tmp_path, CELL, "_cell_volume 180.7", NAME, ATOMS)).volume == 180.7
    crystal = read_cif(write(tmp_path, CELL, "_cell_volume 45.2", NAME, ATOMS))
    assert crystal.volume == pytest.approx(5.6533**3)


@pytest.mark.parametrize(
    ("symmetry", "position"),
    [
        ("_symmetry_space_group_name_H-M 'F d -3 m:1'", "0 0 0"),
        ("_symmetry_space_group_name_H-M 'F d -3 m:2'", "0.125 0.125 0.125"),
        ("_symmetry_space_group_name_H-M 'F d -3 m S'", "0 0 0"),
        ("_symmetry_space_group_name_H-M 'F d -3 m Z'", "0.125 0.125 0.125"),
        ("_symmetry_space_group_name_H-M 'F d -3 m'\n_space_group_IT_coordinate_system_code 1", "0 0 0"),
        ("_space_group_IT_number 227\n_space_group_IT_coordinate_system_code 2", "0.125 0.125 0.125"),
    ],
)
def test_origin_choices(tmp_path, symmetry, position):
    """Silicon in either origin has eight atoms, and the next one at √3/4 a."""
    crystal = silicon(tmp_path, symmetry, position)
    assert len(crystal.elements) == 8
    steps = crystal.positions[1:] - crystal.positions[0]
    nearest = np.sqrt(((steps - np.round(steps)) ** 2).sum(1)).min() * crystal.a
    assert nearest == pytest.approx(math.sqrt(3) / 4 * 5.6533)


def test_operations_in_a_shifted_setting(tmp_path):
    """Origin of F-43m moved by (1/12, 0, 0): not in any table, but the operations say all."""
    shift = gemmi.Op("x+1/12,y,z")
    shifted = [shift * op * shift.inverse() for op in gemmi.SpaceGroup("F -4 3 m").operations()]
    text = "loop_\n_symmetry_equiv_pos_as_xyz\n" + "\n".join(f"'{op.wrap().triplet()}'" for op in shifted)
    atoms = ATOMS.replace("Ga 0 0 0", "Ga 0.083333 0 0").replace("As 0.25", "As 0.333333")
    crystal = read_cif(write(tmp_path, CELL, NAME, text, atoms))
    assert len(crystal.elements) == 8
    assert two_fold_axis(plane_operations(crystal.operations))[0] % 0.25 == pytest.approx(1 / 12)


def test_mixed_occupancy(tmp_path):
    atoms = ATOMS.replace("_z\n", "_z\n_atom_site_occupancy\n")
    atoms = atoms.replace("Ga 0 0 0", "Ga 0 0 0 0.7\nIn1 In 0 0 0 0.3")
    atoms = atoms.replace("As 0.25 0.25 0.25", "As 0.25 0.25 0.25 1\nBi1 Bi 0.5 0.5 0.5 0")
    crystal = read_cif(write(tmp_path, CELL, NAME, atoms))
    assert crystal.formula == "AsGa0.7In0.3"
    assert "Bi" not in crystal.elements
    assert sorted(set(crystal.occupancy)) == [0.3, 0.7, 1.0]


@pytest.mark.parametrize(
    ("tag", "value", "b_iso", "given"),
    [
        ("_atom_site_U_iso_or_equiv", "0.01", 8 * math.pi**2 * 0.01, True),
        ("_atom_site_B_iso_or_equiv", "0.79", 0.79, True),
        ("_atom_site_B_iso_or_equiv", "0.79(3)", 0.79, True),
        ("_atom_site_U_iso_or_equiv", "0", 0.0, True),
        ("_atom_site_U_iso_or_equiv", "?", 0.0, False),
        ("_atom_site_U_iso_or_equiv", "-0.0002", 0.0, True),
    ],
)
def test_isotropic_displacement(tmp_path, tag, value, b_iso, given):
    """B = 8π² U_iso; slightly negative U are zero; a zero in the file is a value, a ``?`` is none."""
    atoms = ATOMS.replace("_z\n", f"_z\n{tag}\n").replace("Ga 0 0 0", f"Ga 0 0 0 {value}")
    atoms = atoms.replace("As 0.25 0.25 0.25", "As 0.25 0.25 0.25 .")
    crystal = read_cif(write(tmp_path, CELL, NAME, atoms))
    assert crystal.b_iso[:4] == pytest.approx(b_iso, rel=1e-4)
    assert not crystal.b_iso[4:].any()
    assert list(crystal.b_given) == [given] * 4 + [False] * 4


def test_anisotropic_displacement(tmp_path):
    """U_iso is a third of the trace where only anisotropic U are given."""
    tags = "\n".join(f"_atom_site_aniso_U_{ij}" for ij in ("11", "22", "33", "12", "13", "23"))
    aniso = f"loop_\n_atom_site_aniso_label\n{tags}\nGa1 0.01 0.02 0.03 0 0 0\n"
    crystal = read_cif(write(tmp_path, CELL, NAME, ATOMS, aniso))
    assert crystal.b_iso[:4] == pytest.approx(8 * math.pi**2 * 0.02)
    assert not crystal.b_iso[4:].any()
    assert list(crystal.b_given) == [True] * 4 + [False] * 4


def test_deuterium_scatters_as_hydrogen(tmp_path):
    assert read_cif(write(tmp_path, CELL, NAME, ATOMS.replace("As1 As", "D1 D"))).formula == "GaH"


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        (
            (CELL.replace("_c 5.6533", "_c 9.0"), NAME, ATOMS),
            "its cell is not cubic (5.6533, 5.6533, 9 Å; 90, 90, 90°)",
        ),
        (
            (CELL.replace("gamma 90", "gamma 120"), NAME, ATOMS),
            "its cell is not cubic (5.6533, 5.6533, 5.6533 Å; 90, 90, 120°)",
        ),
        ((CELL.replace("5.6533", "0"), NAME, ATOMS), "its cell edge 0 Å is not positive"),
        ((NAME, ATOMS), "its cell is missing or not a number (_cell_length_a, _b, _c)"),
        ((CELL, NAME), "it has no atoms (no _atom_site_fract_x)"),
        ((CELL, NAME, "loop_\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n0 0 0"), "it has no atoms"),
        ((CELL, ATOMS), "it has no symmetry: neither operations nor a known space group"),
        (
            (CELL.replace("_c 5.6533", "_c 9.0"), "_symmetry_space_group_name_H-M 'R 3 m:R'", ATOMS),
            "its cell is not that of R 3 m:R (5.6533, 5.6533, 9 Å; 90, 90, 90°)",
        ),
        (
            (CELL, NAME, "loop_\n_symmetry_equiv_pos_as_xyz\n'x,y,z'\n'-x,-y,-z'", ATOMS),
            "its 2 operations (P -1) and 'F -4 3 m' (line 8) contradict each other; correct one of them",
        ),
        (
            (CELL, "loop_\n_symmetry_equiv_pos_as_xyz\n'x,y,q'", ATOMS),
            "a symmetry operation cannot be read (_symmetry_equiv_pos_as_xyz)",
        ),
        (
            (CELL, "_symmetry_space_group_name_H-M 'F d -3 m'", ATOMS),
            "'F d -3 m' has two origins; write 'F d -3 m:1' or 'F d -3 m:2' or list the operations",
        ),
        ((CELL, NAME, ATOMS.replace("As1 As", "Zz1 Zz")), "unknown element 'Zz' of site Zz1"),
        (
            (CELL, NAME, ATOMS, "data_second", CELL, NAME, ATOMS),
            "it holds 2 structures; split it into one file each",
        ),
    ],
)
def test_refused(tmp_path, parts, reason):
    path = write(tmp_path, *parts)
    with pytest.raises(CrystalError) as error:
        read_cif(path)
    assert str(error.value) == f"{path}: {reason}"


@pytest.mark.parametrize(
    "content", [b"\x00\x01\x89PNG\r\n\xff\xfe", b"just some text\n", b"data_x\nloop_\n_a\n_b\n1\n"]
)
def test_refuses_what_is_no_cif(tmp_path, content):
    path = tmp_path / "x.cif"
    path.write_bytes(content)
    with pytest.raises(CrystalError) as error:
        read_cif(path)
    assert str(error.value).startswith(f"{path}: not a CIF (")
    assert "\n" not in str(error.value)


def test_refuses_an_empty_file(tmp_path):
    path = tmp_path / "empty.cif"
    path.write_bytes(b"")
    with pytest.raises(CrystalError) as error:
        read_cif(path)
    assert str(error.value).startswith(f"{path}: ") and "\n" not in str(error.value)


def test_refuses_a_missing_file(tmp_path):
    with pytest.raises(CrystalError) as error:
        read_cif(tmp_path / "none.cif")
    assert str(error.value) == f"{tmp_path / 'none.cif'}: no such file"
