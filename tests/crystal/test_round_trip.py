"""Any cubic crystal comes back from a CIF as it was: random ones of all 36 groups, the same ones in every run."""

import gemmi
import numpy as np
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from lacbed_gan.crystal import Crystal, CrystalError
from lacbed_gan.crystal.crystal import Site
from lacbed_gan.diffraction import projected_potential

REPRODUCIBLE = settings(
    max_examples=200,
    derandomize=True,
    database=None,
    deadline=None,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
# The usual setting of each group, and the other origin where there is one.
CUBIC = [group for group in gemmi.spacegroup_table() if 195 <= group.number <= 230]
GROUPS = [group.xhm() for group in CUBIC if group.is_reference_setting() or group.ext == "1"]
SPECIAL = (0.0, 0.125, 0.25, 1 / 3, 0.375, 0.5, 0.625, 0.75)

coordinate = st.sampled_from(SPECIAL) | st.floats(-1, 1).map(lambda x: round(x, 6))
position = st.one_of(
    st.tuples(*[st.sampled_from(SPECIAL)] * 3),
    coordinate.map(lambda x: (x, x, x)),
    coordinate.map(lambda x: (x, 0.0, 0.0)),
    st.tuples(coordinate, coordinate).map(lambda xz: (xz[0], xz[0], xz[1])),
    st.tuples(coordinate, coordinate).map(lambda xy: (*xy, 0.5)),
    st.tuples(coordinate, coordinate, coordinate),
)
site = st.builds(
    Site,
    st.sampled_from(["H", "O", "Si", "Fe", "Sr", "Au", "U"]),
    position,
    st.sampled_from([1.0, 0.5]) | st.floats(0.001, 1),
    st.none() | st.sampled_from([0.0, 0.5]) | st.floats(0, 20),
)


@st.composite
def crystals(draw):
    group = draw(st.sampled_from(GROUPS))
    sites, a = draw(st.lists(site, min_size=1, max_size=4)), draw(st.floats(2.5, 40))
    try:
        return Crystal.from_sites("x", group, a, sites, source="x.cif"), sites
    except CrystalError as error:
        assume("atoms overlap" not in str(error))
        raise


def write_cif(path, crystal, sites, symmetry, unit):
    """A CIF of the sites, by gemmi.

    Args:
        symmetry: "name", with the origin; "operations"; "number", with the origin's code.
        unit: U or B, of the displacement parameters.
    """
    block = gemmi.cif.Block("another")
    for x in "abc":
        block.set_pair(f"_cell_length_{x}", repr(crystal.a))
    for x in ("alpha", "beta", "gamma"):
        block.set_pair(f"_cell_angle_{x}", "90.000")
    group = gemmi.SpaceGroup(crystal.space_group)
    if symmetry == "name":
        block.set_pair("_space_group_name_H-M_alt", gemmi.cif.quote(crystal.space_group))
    elif symmetry == "number":
        block.set_pair("_space_group_IT_number", str(crystal.number))
        if group.ext in "12":
            block.set_pair("_space_group_IT_coordinate_system_code", group.ext)
    else:
        loop = block.init_loop("_space_group_symop_", ["operation_xyz"])
        for operation in group.operations():
            loop.add_row([gemmi.cif.quote(operation.triplet())])
    names = ["label", "type_symbol", "fract_x", "fract_y", "fract_z", "occupancy", f"{unit}_iso_or_equiv"]
    loop = block.init_loop("_atom_site_", names)
    for number, one in enumerate(sites):
        factor = 1 if unit == "B" else 8 * np.pi**2
        b = "?" if one.b_iso is None else f"{one.b_iso / factor:.17f}"
        xyz = (f"{x:.17f}" for x in one.position)
        loop.add_row([f"{one.element}{number}", one.element, *xyz, f"{one.occupancy:.17f}", b])
    document = gemmi.cif.Document()
    document.add_copied_block(block)
    document.write_file(str(path))


@REPRODUCIBLE
@given(made=crystals(), symmetry=st.sampled_from(["name", "operations", "number"]), unit=st.sampled_from("UB"))
def test_a_crystal_comes_back_from_a_cif(tmp_path_factory, made, symmetry, unit):
    """The same atoms of the cell, with what is known of each, and the same ρ."""
    crystal, sites = made
    path = tmp_path_factory.getbasetemp() / "x.cif"
    write_cif(path, crystal, sites, symmetry, unit)
    found = Crystal.from_cif(path)
    for name in ("name", "formula", "space_group", "number", "a", "source", "volume"):
        assert getattr(found, name) == getattr(crystal, name)
    shift = found.positions[:, None] - crystal.positions
    same = np.linalg.norm(shift - np.round(shift), axis=-1) < 1e-12
    alike = np.abs(found.b_iso[:, None] - crystal.b_iso) < 1e-9
    alike &= np.abs(found.occupancy[:, None] - crystal.occupancy) < 1e-12
    for name in ("elements", "b_given"):
        alike &= np.asarray(getattr(found, name))[:, None] == np.asarray(getattr(crystal, name))
    # In any order: gemmi sorts the operations that a file lists. Atoms of two sites may be alike at one position.
    assert len(found.elements) == len(crystal.elements)
    assert np.array_equal((same & alike).sum(0) > 0, np.ones(len(crystal.elements), bool))
    assert np.array_equal((same & alike).sum(1) > 0, np.ones(len(crystal.elements), bool))
    expected = projected_potential(crystal, 8, g_max=0.4).numpy()
    np.testing.assert_allclose(projected_potential(found, 8, g_max=0.4).numpy(), expected, atol=1e-6)


@REPRODUCIBLE
@given(made=crystals())
def test_atoms_are_all_images_of_the_sites(made):
    """Fourier coefficients of the atoms are those of the images by all operations, shared out where they coincide."""
    crystal, sites = made
    operations = gemmi.SpaceGroup(crystal.space_group).operations()
    hkl = np.array([[1, 0, 0], [1, 1, 0], [2, 1, 1], [3, 1, 0], [2, 2, 2], [4, 1, 2]])
    direct = 0
    for one in sites:
        images = np.array([operation.apply_to_xyz(list(one.position)) for operation in operations])
        shift = images[:, None] - images
        distance = np.linalg.norm(shift - np.round(shift), axis=-1)
        assume(not ((distance > 1e-9) & (distance < 0.1 / crystal.a)).any())  # these are put onto the special position
        weights = one.occupancy / (distance < 1e-9).sum(1)
        direct = direct + np.exp(-2j * np.pi * hkl @ images.T) @ weights
    merged = np.exp(-2j * np.pi * hkl @ crystal.positions.T) @ crystal.occupancy
    np.testing.assert_allclose(merged, direct, atol=1e-7)
