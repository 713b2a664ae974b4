"""Variants of the kinds of tests/crystal/cases: spellings of symmetry, displacements, elements and contradictions."""

import math

import gemmi
import numpy as np
import pytest
from crystal_contents import b_of, contents

from lacbed_gan.crystal import Crystal, CrystalError

CELL = "".join(f"_cell_length_{x} 5.64\n" for x in "abc")
ROCK_SALT = "_symmetry_space_group_name_H-M 'F m -3 m'\n"
B_OF_U = 8 * math.pi**2


def atoms(*rows: str, tags: tuple[str, ...] = ()) -> str:
    names = ("label", "type_symbol", "fract_x", "fract_y", "fract_z", *tags)
    return "loop_\n" + "".join(f"_atom_site_{name}\n" for name in names) + "".join(f"{row}\n" for row in rows)


NACL = atoms("Na1 Na 0 0 0", "Cl1 Cl 0.5 0.5 0.5")


def operations(name: str, tag: str = "_symmetry_equiv_pos_as_xyz") -> str:
    return f"loop_\n{tag}\n" + "".join(f"'{op.triplet()}'\n" for op in gemmi.SpaceGroup(name).operations())


@pytest.fixture
def read(tmp_path):
    def read(*parts: str) -> Crystal:
        path = tmp_path / "x.cif"
        path.write_text("data_x\n" + "\n".join(parts), encoding="utf-8")
        return Crystal.from_cif(path)

    return read


@pytest.fixture
def refused(read):
    def refused(*parts: str) -> str:
        with pytest.raises(CrystalError) as error:
            read(*parts)
        line = str(error.value).partition("x.cif: ")[2]
        assert "\n" not in line and len(line) <= 130
        return line

    return refused


@pytest.mark.parametrize(
    "symmetry",
    [
        "_space_group_name_Hall '-F 4 2 3'",
        "_symmetry_space_group_name_Hall -F_4_2_3",
        "_space_group.name_Hall '-F 4 2 3'",
        "_space_group_name_H-M_alt 'F 4/m -3 2/m'",
        "_space_group.name_H-M_full 'F 4/m -3 2/m'",
        "_symmetry.space_group_name_H-M 'F m -3 m'",
        "_symmetry_space_group_name_H-M Fm3m",
        "_symmetry_space_group_name_H-M 'F m 3 m'",
        "_symmetry_space_group_name_H-M Fm-3m",
        "_symmetry_space_group_name_H-M 'Fm\\bar{3}m'",
        "_symmetry_space_group_name_H-M 'F m −3 m'",
        "_symmetry_space_group_name_H-M 'F m -3 m (225)'",
        "_SPACE_GROUP_IT_NUMBER '225'",
        "_space_group.IT_number 225",
        "_symmetry_Int_Tables_number 225\n_symmetry_space_group_name_H-M ?",
        operations("F m -3 m", "_space_group_symop.operation_xyz"),
        operations("F m -3 m", "_symmetry_equiv.pos_as_xyz"),
        operations("F m -3 m").replace("+1/2", "+0.5").replace("x", "X"),
        operations("F m -3 m") + "_space_group_name_Hall '-F 4 2 3'",
        operations("F m -3 m") + "'x,y,z'",
    ],
)
def test_spellings_of_a_space_group(read, symmetry):
    crystal = read(CELL, symmetry, NACL)
    assert (contents(crystal), crystal.space_group) == ({"Na": 4, "Cl": 4}, "F m -3 m")


@pytest.mark.parametrize("name", sorted({g.xhm() for g in gemmi.spacegroup_table() if 195 <= g.number <= 230}))
def test_every_cubic_group_by_name_and_by_hall_symbol(read, name):
    group = gemmi.SpaceGroup(name)
    general = atoms("C1 C 0.07 0.13 0.31")
    cell = CELL.replace("5.64", "20")
    for symmetry in (f"_space_group_name_H-M_alt '{name}'", f"_space_group_name_Hall '{group.hall}'"):
        crystal = read(cell, symmetry, general)
        assert (len(crystal.elements), crystal.space_group) == (len(group.operations()), name)


@pytest.mark.parametrize(
    ("symbol", "position"),
    [
        ("F d -3 m S", 0.0), ("Fd-3mZ", 0.125), ("F d 3 m :2", 0.125), ("F 41/d -3 2/m:1", 0.0),
        ("F d -3 m (origin choice 2)", 0.125), ("Fd-3m O1", 0.0),
    ],
)  # fmt: skip
def test_origins_in_a_symbol(read, symbol, position):
    silicon = atoms(f"Si1 Si {position} {position} {position}")
    assert contents(read(CELL, f"_symmetry_space_group_name_H-M '{symbol}'", silicon)) == {"Si": 8}


@pytest.mark.parametrize("symbol", ["P b -3", "Pb-3", "Pb3", "P 21/b -3"])
def test_the_other_setting_of_pyrite(read, symbol):
    """Its glides are those of P a -3 with x and y exchanged."""
    crystal = read(CELL, f"_symmetry_space_group_name_H-M '{symbol}'", atoms("O1 O 0.1 0.2 0.35"))
    other = read(CELL, "_symmetry_space_group_name_H-M 'P a -3'", atoms("O1 O 0.2 0.1 0.35"))
    assert crystal.number == 205
    distance = crystal.positions[:, None] - other.positions[:, [1, 0, 2]]
    assert np.abs(distance - np.round(distance)).max(-1).min(1).max() < 1e-9


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        ((ROCK_SALT, "_space_group_IT_number 221"), "'F m -3 m' (line 6) and number 221 (line 8)"),
        ((ROCK_SALT, "_space_group_name_Hall '-P 4 2 3'"), "'-P 4 2 3' (line 8) and 'F m -3 m' (line 6)"),
        ((operations("P m -3 m"), "_space_group_IT_number 225"), "its 48 operations (P m -3 m) and number 225"),
        ((operations("F -4 3 m"), ROCK_SALT), "its 96 operations (F -4 3 m) and 'F m -3 m'"),
        ((operations("F d -3 m:1"), "_space_group_name_H-M_alt 'F d -3 m:2'"), "(F d -3 m:1) and 'F d -3 m:2'"),
        ((operations("F d -3 m:1"), "_space_group_name_Hall '-F 4vw 2vw 3'"), "(F d -3 m:1) and '-F 4vw 2vw 3'"),
        (("_symmetry_space_group_name_H-M 'P 1'", "_symmetry_Int_Tables_number 225"), "'P 1' (line 6) and number 225"),
        ((ROCK_SALT, "_space_group_name_H-M_alt 'P m -3 m'"), "'P m -3 m' (line 8) and 'F m -3 m' (line 6)"),
    ],
)
def test_statements_of_symmetry_that_contradict_each_other(refused, statements, said):
    line = refused(CELL, *statements, NACL)
    assert said in line and line.endswith("contradict each other; correct one of them")


def test_what_is_not_understood_is_remarked_or_refused(read, refused):
    assert (
        "the space group 'nonsense' is not understood"
        in read(CELL, "_symmetry_space_group_name_H-M nonsense\n_symmetry_Int_Tables_number 225", NACL).remarks
    )
    assert "'nonsense' is not known" in refused(CELL, "_symmetry_space_group_name_H-M nonsense", NACL)
    assert "no group, one of them is wrong" in refused(
        CELL, "_symmetry_space_group_name_H-M 'P m -3 m'", operations("P m -3 m").replace("'-x,-y,z'\n", ""), NACL
    )
    assert "no group" in refused(
        CELL, ROCK_SALT, operations("F m -3 m").replace("'-y,x+1/2,z+1/2'", "'-y,x,z+1/2'"), NACL
    )
    lacking = read(CELL, ROCK_SALT, operations("F m -3 m").replace("'-x,-y,z'\n", ""), NACL)
    assert (contents(lacking), lacking.remarks[0][:34]) == ({"Na": 4, "Cl": 4}, "its symmetry operations lack 1, wh")


@pytest.mark.parametrize(
    ("tags", "value", "b"),
    [
        (("U_iso_or_equiv",), "0.01", B_OF_U * 0.01),
        (("B_iso_or_equiv",), "0.79(3)", 0.79),
        (("U_equiv",), "0.01", B_OF_U * 0.01),
        (("B_equiv",), "'0.79'", 0.79),
        ((".B_iso_or_equiv",), "0.79", 0.79),
        (("adp_type", "U_iso_or_equiv"), "Uiso 0.01", B_OF_U * 0.01),
        (("U_iso_or_equiv", "B_iso_or_equiv"), "? 0.79", 0.79),
        (("U_iso_or_equiv", "B_iso_or_equiv"), "0.01 .", B_OF_U * 0.01),
        (("aniso_U_11", "aniso_U_22", "aniso_U_33"), "0.01 0.02 0.03", B_OF_U * 0.02),
        (("aniso_B_11", "aniso_B_22", "aniso_B_33"), "0.5 0.6 0.7", 0.6),
    ],
)
def test_displacements_in_the_loop_of_the_atoms(read, tags, value, b):
    rows = (f"Na1 Na 0 0 0 {value}", f"Cl1 Cl 0.5 0.5 0.5 {' '.join('?' for _ in value.split())}")
    text = atoms(*rows, tags=tags).replace("_atom_site_.", "_atom_site.")
    assert b_of(read(CELL, ROCK_SALT, text)) == {"Na": pytest.approx(b, abs=1e-4)}


@pytest.mark.parametrize(
    ("prefix", "values", "b"),
    [
        ("_atom_site_aniso_U_", (0.01, 0.01, 0.01), B_OF_U * 0.01),
        ("_atom_site_aniso.U_", (0.01, 0.02, 0.03), B_OF_U * 0.02),
        ("_atom_site_anisotrop.U", (0.01, 0.02, 0.03), B_OF_U * 0.02),
        ("_atom_site_aniso_B_", (0.5, 0.6, 0.7), 0.6),
        # β_ij = 2π² a*² U_ij in a cubic cell
        ("_atom_site_aniso_beta_", (2 * math.pi**2 * 0.01 / 5.64**2,) * 3, B_OF_U * 0.01),
    ],
)
def test_displacements_in_a_loop_of_their_own(read, prefix, values, b):
    indices = ("[1][1]", "[2][2]", "[3][3]") if prefix.endswith("U") else ("11", "22", "33")
    label = "_atom_site_anisotrop.id" if prefix.endswith("U") else "_atom_site_aniso_label"
    loop = f"loop_\n{label}\n" + "".join(f"{prefix}{ij}\n" for ij in indices)
    row = "Cl1 " + " ".join(f"{value:.9f}(4)" for value in values)
    assert b_of(read(CELL, ROCK_SALT, NACL, loop + row + "\nNa1 ? ? ?\n")) == {"Cl": pytest.approx(b, abs=1e-4)}


def test_isotropic_values_in_a_second_loop(read):
    loop = "loop_\n_atom_site_label\n_atom_site_U_iso_or_equiv\nCl1 0.02\nNa1 0.01\n"
    b = {"Na": pytest.approx(B_OF_U * 0.01, abs=1e-4), "Cl": pytest.approx(B_OF_U * 0.02, abs=1e-4)}
    assert b_of(read(CELL, ROCK_SALT, NACL, loop)) == b
    without = "loop_\n_atom_site_U_iso_or_equiv\n0.02\n0.01\n"
    crystal = read(CELL, ROCK_SALT, NACL, without)
    assert not b_of(crystal) and "without the labels of its atoms" in crystal.remarks[0]


def test_displacements_that_cannot_be_read_are_no_zeros(refused, read):
    tags = ("U_iso_or_equiv",)
    rows = ("Na1 Na 0 0 0 0.01", "Cl1 Cl 0.5 0.5 0.5 small")
    assert refused(CELL, ROCK_SALT, atoms(*rows, tags=tags)).startswith("'small' is not a number")
    crystal = read(CELL, ROCK_SALT, atoms("Na1 Na 0 0 0 -0.02", "Cl1 Cl 0.5 0.5 0.5 0.01", tags=tags))
    assert "the displacement of Na1 is negative" in crystal.remarks[0]


@pytest.mark.parametrize(
    ("symbol", "expected"),
    [
        ("Na1+", {"Na": 4}), ("Na+1", {"Na": 4}), ("NA", {"Na": 4}), ("23Na", {"Na": 4}), ("Fe3+", {"Fe": 4}),
        ("Fe(III)", {"Fe": 4}), ("D", {"H": 4}), ("O2-", {"O": 4}), ("Fe2.5+", {"Fe": 4}), ("Cval", {"C": 4}),
        ("H2O", {"O": 4}), ("Wat", {"O": 4}), ("OH-", {"O": 4}), ("NH4+", {"N": 4}),
        ("Nb0.8Zr0.2", {"Nb": 3.2, "Zr": 0.8}), ("'Nb0.8 Zr0.2'", {"Nb": 3.2, "Zr": 0.8}),
        ("0.8Nb+0.2Zr", {"Nb": 3.2, "Zr": 0.8}), ("'0.8Nb4+ + 0.2Zr4+'", {"Nb": 3.2, "Zr": 0.8}),
        ("Nb80Zr20", {"Nb": 3.2, "Zr": 0.8}), ("80%Nb+20%Zr", {"Nb": 3.2, "Zr": 0.8}), ("0.5Li", {"Li": 2}),
        ("'0.8Nb + 0.2□'", {"Nb": 3.2}), ("Va", {}), ("dummy", {}),
    ],
)  # fmt: skip
def test_type_symbols(read, symbol, expected):
    crystal = read(CELL, ROCK_SALT, atoms(f"M1 {symbol} 0 0 0", "Kr1 Kr 0.5 0.5 0.5"))
    assert contents(crystal) == expected | {"Kr": 4}


@pytest.mark.parametrize(
    "symbol",
    ["Nb/Zr", "'Nb, Zr'", "NbZr", "FeNi", "'Nb + Zr'", "CO", "Nb0.9Zr0.3", "Nb4Zr1", "X", "T", "M", "Q", "CH3"],
)
def test_type_symbols_that_leave_the_element_open(refused, symbol):
    assert f"'{symbol.strip(chr(39))}' of site M1" in refused(CELL, ROCK_SALT, atoms(f"M1 {symbol} 0 0 0"))


@pytest.mark.parametrize(
    ("label", "element"),
    [
        ("AlT", "Al"),
        ("O(1)", "O"),
        ("OW1", "O"),
        ("O-H", "O"),
        ("Wat", "O"),
        ("MgM2", "Mg"),
        ("Cl1'", "Cl"),
        ("Oa", "O"),
    ],
)
def test_labels_without_type_symbols(read, label, element):
    text = atoms(f"{label} 0 0 0", "Kr1 0.5 0.5 0.5").replace("_atom_site_type_symbol\n", "")
    assert contents(read(CELL, ROCK_SALT, text)) == {element: 4, "Kr": 4}


@pytest.mark.parametrize("label", ["NbZr1", "Fe/Mg1", "SiO", "Zz1", "M1"])
def test_labels_that_leave_the_element_open(refused, label):
    assert "of site" in refused(CELL, ROCK_SALT, atoms(f"{label} 0 0 0").replace("_atom_site_type_symbol\n", ""))


def test_formula_units_and_multiplicities_are_compared(read, refused):
    formula = "_chemical_formula_sum '{}'\n_cell_formula_units_Z {}\n".format
    assert read(CELL, ROCK_SALT, formula("Na Cl", 4), NACL).remarks == ()
    assert read(CELL, ROCK_SALT, formula("Na4 Cl4", 1), NACL).remarks == ()
    assert read(CELL, ROCK_SALT, formula("Na Cl", 3), NACL).remarks
    assert "its formula 'Na Cl3' contradicts" in refused(CELL, ROCK_SALT, formula("Na Cl3", 4), NACL)
    assert "Na of its sites is not in its formula" in refused(CELL, ROCK_SALT, formula("K Cl", 4), NACL)
    assert "no site holds F" in refused(CELL, ROCK_SALT, formula("Na Cl F", 4), NACL)
    assert read(CELL, ROCK_SALT, formula("Na Cl H2", 4), NACL).remarks == ()
    listed = atoms("Na1 Na 0 0 0 {}", "Cl1 Cl 0.5 0.5 0.5 4", tags=("symmetry_multiplicity",)).format
    assert read(CELL, ROCK_SALT, listed(4)).remarks == ()
    assert "the multiplicity 8 of Na1 contradicts" in refused(CELL, ROCK_SALT, listed(8))


def test_a_label_that_names_another_element_is_remarked(read):
    crystal = read(CELL, ROCK_SALT, atoms("Na1 K 0 0 0", "Cl1 Cl 0.5 0.5 0.5"))
    assert crystal.remarks == ("site Na1 is said to be K",)


def test_lists_of_all_atoms(read, refused):
    """Of P 1, or without any symmetry; what is the asymmetric unit of a symmetry that is not stated is refused."""
    group = gemmi.SpaceGroup("F -4 3 m").operations()
    points = {
        tuple(x % 1 for x in op.apply_to_xyz(p)): e for e, p in (("Ga", [0] * 3), ("As", [0.25] * 3)) for op in group
    }
    rows = [f"{e}{i} {e} {' '.join(map(str, xyz))}" for i, (xyz, e) in enumerate(points.items())]
    for symmetry in ("", "_space_group_name_H-M_alt 'P 1'", "loop_\n_space_group_symop_operation_xyz\n'x,y,z'"):
        crystal = read(CELL, symmetry, atoms(*rows))
        assert (contents(crystal), crystal.space_group) == ({"Ga": 4, "As": 4}, "F -4 3 m")
        assert "symmetry from coordinates (spglib, 0.01 Å): F -4 3 m" in crystal.remarks
    for edge, averaged in (("5.641", True), ("5.64000001", False)):
        crystal = read(CELL.replace("b 5.64", f"b {edge}"), atoms(*rows))
        word = f"its cell is the mean of edges and angles that differ a little, 5.64, {edge}, 5.64 Å; 90, 90, 90°"
        assert crystal.space_group == "F -4 3 m" and (word in crystal.remarks[0]) == averaged
    assert "too far apart; state the space group" in refused(CELL, NACL)
    hexagonal = CELL.replace("c 5.64", "c 9.2") + "_cell_angle_gamma 120\n"
    assert read(hexagonal, "_space_group_IT_number 1", atoms("C1 C 0 0 0")).space_group == "P 6/m m m"


def test_statements_that_come_twice(read, refused):
    assert read(CELL, CELL, ROCK_SALT, NACL, NACL).remarks == ()
    twice = refused(CELL, "_cell_length_a 5.65", ROCK_SALT, NACL)
    assert twice == "it has two _cell_length_a, '5.64' (line 2) and '5.65' (line 6); keep one"
    assert "lists its atoms twice" in refused(CELL, ROCK_SALT, NACL, NACL.replace("Na", "K"))
    assert "lists Na1 twice" in refused(CELL, ROCK_SALT, NACL + "Na1 Na 0 0 0\n")


def test_nothing_foreign_is_raised(tmp_path):
    """Not of bytes, other encodings, deep nesting or endless lines either."""
    path = tmp_path / "x.cif"
    text = "data_x\n" + CELL + ROCK_SALT + NACL
    path.write_bytes(text.encode("utf-16"))
    assert len(Crystal.from_cif(path).elements) == 8
    for data in (
        b"\xff\xfe\x00",
        b"data_x\n_a " + b"[" * 100_000,
        text.encode().replace(b"5.64", b"5" * 400),
        b"data_\n" * 9,
    ):
        path.write_bytes(data)
        with pytest.raises(CrystalError, match=r"x\.cif: "):
            Crystal.from_cif(path)


def test_volumes_and_labels_that_do_not_fit_are_remarked(read):
    assert read(CELL, ROCK_SALT, NACL, "_cell_volume 179.4").remarks == ()
    assert "its volume 179.5 Å³" in read(CELL, ROCK_SALT, NACL, "_cell_volume 179.5").remarks[0]
    assert "its volume 200 Å³" in read(CELL, ROCK_SALT, NACL, "_cell_volume 200").remarks[0]
    loop = "loop_\n_atom_site_label\n_atom_site_U_iso_or_equiv\nCl1 0.02\nK1 0.01\n"
    assert read(CELL, ROCK_SALT, NACL, loop).remarks == ("displacements of a label that no atom has are not used",)


def test_occupancies_of_shelx(read):
    """Divided by the order of the position, 48 in rock salt: seen by formula and Z, or by all of them being so."""
    rows = ("Na1 Na 0 0 0 {}", "Cl1 Cl 0.5 0.5 0.5 0.0208333")
    text = atoms(*rows, tags=("occupancy",)).format
    formula = "_chemical_formula_sum '{}'\n_cell_formula_units_Z 4".format
    for extra, share in (("", 1), (formula("Na Cl"), 1), (formula("Na0.5 Cl"), 0.5)):
        crystal = read(CELL, ROCK_SALT, extra, text(f"{share / 48:.7f}"))
        assert contents(crystal) == pytest.approx({"Na": 4 * share, "Cl": 4}, rel=1e-4)
        assert "its occupancies are SHELX's" in crystal.remarks[0]
    dilute = read(CELL, ROCK_SALT, text("0.02").replace("0.0208333", "1"))
    assert contents(dilute) == {"Na": 0.08, "Cl": 4} and dilute.remarks == ()


def test_split_sites_keep_their_total(read):
    """Any number of images near a special position: 6 on the axes, 8 on the diagonals, 48 anywhere."""
    for position, images in (("0.006 0 0", 6), ("0.008 0.008 0.008", 8), ("0.003 0.006 0.009", 48), ("0.04 0 0", 6)):
        rows = (f"Pb1 Pb {position} {1 / images:.7f}", "Te1 Te 0.5 0.5 0.5 1")
        crystal = read(CELL, ROCK_SALT, atoms(*rows, tags=("occupancy",)))
        assert contents(crystal) == {"Pb": 4, "Te": 4}
        for op in map(gemmi.Op, crystal.operations[::7]):  # the atoms have the symmetry of the crystal
            images_of = np.array([op.apply_to_xyz(xyz) for xyz in crystal.positions.tolist()])
            shift = images_of[:, None] - crystal.positions
            assert np.abs(shift - np.round(shift)).max(-1).min(1).max() < 1e-6
    rounded = read(CELL, ROCK_SALT, atoms("Pb1 Pb 0.006 0 0 0.9", "Te1 Te 0.5 0.5 0.5 1", tags=("occupancy",)))
    assert contents(rounded) == {"Pb": 3.6, "Te": 4}
    assert "Pb at 0.006, 0, 0 is moved by 0.034 Å onto its special position" in rounded.remarks
