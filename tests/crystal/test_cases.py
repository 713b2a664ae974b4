"""Kinds of CIFs that went wrong once, with the right value of each: the files of tests/crystal/cases."""

from pathlib import Path

import numpy as np
import pytest
from crystal_contents import b_of, contents, u200

from lacbed_gan.crystal import Crystal, CrystalError

CASES = Path(__file__).parent / "cases"


READ = {
    "quoted_space_group_number_crashes_simulate": {"Na": 4, "Cl": 4},
    "split_site_merged_PbTe_silent": {"Pb": 4, "Te": 4},
    "split_site_half_merged_BaTiO3": {"Ba": 1, "Ti": 1, "O": 3},
    "mixed_type_symbol_Nb0.8Zr0.2": {"Nb": 1.6, "Zr": 0.4},
    "springer_type_symbol_0.8Nb+0.2Zr": {"Nb": 1.6, "Zr": 0.4},
    "type_symbol_H2O_read_as_H": {"Nb": 2, "O": 6},
    "type_symbol_OH_refused": {"Nb": 2, "O": 6},
    "occupancy_as_SHELX_sof_CaF2": {"Ca": 4, "F": 8},
    "origin_told_by_Hall_symbol": {"Si": 8},
    "full_HM_symbol": {"Cu": 4},
    "P1_list_of_cubic_NaCl": {"Na": 4, "Cl": 4},
    "ase_P1_SrTiO3": {"Sr": 1, "Ti": 1, "O": 3},
    "pymatgen_symprec_shifted_origin": {"Sr": 1, "Ti": 1, "O": 3},
    "Pb-3_setting": {"Fe": 4, "S": 8},
    "primitive_cell_fcc": {"Cu": 4},
    "Springer_three_descriptions_of_one_structure": {"Nb": 2},
    "Springer_block_with_unknown_atoms": {"Nb": 2},
    "DDLm_dotted_names_symop": {"Na": 4, "Cl": 4},
    "symop_unknown_name_given": {"Na": 4, "Cl": 4},
    "occupancy_1.035_esd": {"Na": 4, "Cl": 4},
    "only_cell_length_a": {"Na": 4, "Cl": 4},
    "quoted_numbers_cell": {"Na": 4, "Cl": 4},
    "quoted_numbers_coordinates": {"Na": 4, "Cl": 4},
    "duplicate_tag_elsewhere": {"Ga": 4, "As": 4},
    "aniso_B_ij_ignored": {"Na": 4, "Cl": 4},
    "U_iso_unknown_B_iso_given": {"Na": 4, "Cl": 4},
    "B_iso_in_a_second_loop": {"Na": 4, "Cl": 4},
}
REFUSED = {
    "operations_without_F_centring_Cu": "its 48 operations (P m -3 m) and 'F m -3 m' (line 8) contradict each other",
    "operations_without_F_centring_NaCl_formula_Z": "and 'F m -3 m' (line 10) contradict each other",
    "name_Pm-3m_number_225": "'P m -3 m' (line 8) and number 225 (line 9) contradict each other",
    "full_HM_symbol_number_xyz_only": "its 1 operation (P 1) and 'F 4/m -3 2/m' (line 8) contradict each other",
    "wrong_origin_Si_Z8_gives_16_atoms": "its Z is 8, but its cell holds 16 formula units; correct the origin",
    "mixed_type_symbol_Nb_slash_Zr": "'Nb/Zr' of site M1 is several elements; write a line for each",
}


def test_every_case_is_tested():
    assert {*READ, *REFUSED} == {path.stem for path in CASES.glob("*.cif")}


@pytest.mark.parametrize("name", READ)
def test_read(name):
    assert contents(Crystal.from_cif(CASES / f"{name}.cif")) == READ[name]


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    with pytest.raises(CrystalError) as error:
        Crystal.from_cif(CASES / f"{name}.cif")
    assert REFUSED[name] in str(error.value)
    assert len(str(error.value)) - len(str(CASES)) <= 150


@pytest.mark.parametrize(
    ("name", "b", "u"),
    [
        ("aniso_B_ij_ignored", {"Na": 1.58, "Cl": 0.79}, 0.0483),
        ("U_iso_unknown_B_iso_given", {"Na": 1.5, "Cl": 0.7}, 0.0484),
        ("B_iso_in_a_second_loop", {"Na": 1.5, "Cl": 0.7}, None),
        ("split_site_merged_PbTe_silent", {}, 0.107),
    ],
)
def test_displacements_and_structure_factors(name, b, u):
    """|U_200| by pymatgen, ASE and gemmi."""
    crystal = Crystal.from_cif(CASES / f"{name}.cif")
    assert b_of(crystal) == b
    assert u is None or u200(crystal) == pytest.approx(u, rel=5e-3)


def test_every_atom_of_a_split_site_has_the_symmetry_of_the_crystal():
    """The eight atoms of 1/8 Ti around the middle of the cell, which were merged into two."""
    crystal = Crystal.from_cif(CASES / "split_site_half_merged_BaTiO3.cif")
    titanium = crystal.positions[np.array(crystal.elements) == "Ti"]
    assert len(titanium) == 8
    assert np.allclose(np.abs(titanium - 0.5), 0.0117)


def test_what_is_odd_is_remarked():
    assert Crystal.from_cif(CASES / "full_HM_symbol.cif").remarks == ()
    remarks = Crystal.from_cif(CASES / "occupancy_1.035_esd.cif").remarks
    assert remarks == ("the occupancy 1.035(8) of Na is taken for 1",)


def test_change_of_basis():
    """The primitive cell of copper: its [001] is a face diagonal of the cube, its 111 is 111."""
    crystal = Crystal.from_cif(CASES / "primitive_cell_fcc.cif")
    assert crystal.a == pytest.approx(2.556 * np.sqrt(2))
    assert sorted(np.abs(crystal.basis.direction((0, 0, 1)))) == pytest.approx([0, 0.5, 0.5])
    assert np.abs(crystal.basis.hkl((1, 1, 1))) == pytest.approx([1, 1, 1])
    assert "conventional cell a = 3.6147 Å" in crystal.remarks[0]
    shifted = Crystal.from_cif(CASES / "pymatgen_symprec_shifted_origin.cif")
    assert shifted.basis.origin == pytest.approx((0.11, 0.22, 0.33))
    assert shifted.basis.position((0.61, 0.72, 0.83)) == pytest.approx((0.5, 0.5, 0.5))
    assert Crystal.from_cif(CASES / "P1_list_of_cubic_NaCl.cif").basis.to_json()["origin"] == [0, 0, 0]
