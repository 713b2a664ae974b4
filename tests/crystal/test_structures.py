"""Crystals by name: files, folders, tables, the catalogue, prototypes; default displacement."""

import json

import pytest

from lacbed_gan.crystal import Crystal, CrystalError
from lacbed_gan.crystal.structures import CELL, find_files, structures
from lacbed_gan.store.packed import open_store

CIF = """data_x
_cell_length_a {a}
_cell_length_b {a}
_cell_length_c {a}
_symmetry_space_group_name_H-M 'P m -3 m'
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_B_iso_or_equiv
Cs1 0 0 0 0.9
Cl1 0.5 0.5 0.5 ?
"""


def row(name: str) -> str:
    sites = [["Tl", 0, 0, 0, 1, 0.0], ["Br", 0.5, 0.5, 0.5, 1, None]]
    return json.dumps({"id": name, "hm": "P m -3 m", "a": 3.97, "sites": sites}) + "\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "b.cif").write_text(CIF.format(a=4.12))
    (tmp_path / "c.jsonl").write_text(row("first") + "nonsense\n" + row("b") + row("second"))
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "B2.CIF").write_text(CIF.format(a=4.2))
    (tmp_path / "notes.txt").write_text("no structure")
    return tmp_path


def test_folder_of_cifs_and_tables(folder):
    found = list(structures(str(folder)))
    names = [c.name for c in found if isinstance(c, Crystal)]
    assert names == ["b", "first", "second", "B2"]
    bad, twice = [str(c) for c in found if isinstance(c, CrystalError)]
    assert bad.startswith(f"{folder / 'c.jsonl'}, line 2: not JSON (")
    assert twice == f"{folder / 'c.jsonl'}, line 3: a crystal named b came already from {folder / 'b.cif'}"


def test_single_files(folder):
    assert [c.name for c in structures(str(folder / "b.cif"))] == ["b"]
    assert [getattr(c, "name", None) for c in structures(str(folder / "c.jsonl"))] == ["first", None, "b", "second"]


def test_find_files(folder):
    assert [p.name for p in find_files(folder)] == ["b.cif", "c.jsonl", "B2.CIF"]
    assert find_files(folder / "notes.txt") == [folder / "notes.txt"]


def test_no_files(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"holds no file that ends in \.cif, \.jsonl or \.jsonl\.gz"):
        find_files(tmp_path)
    with pytest.raises(FileNotFoundError, match="neither a file, a folder nor one of catalogue, prototypes, bundled"):
        list(structures(str(tmp_path / "none")))


def test_default_displacement_only_where_none_is_given(folder):
    cif = next(iter(structures(str(folder / "b.cif"), b_iso_default=0.5)))
    assert dict(zip(cif.elements, cif.b_iso, strict=True)) == pytest.approx({"Cs": 0.9, "Cl": 0.5})
    table = next(iter(structures(str(folder / "c.jsonl"), b_iso_default=0.5)))
    assert dict(zip(table.elements, table.b_iso, strict=True)) == {"Tl": 0.0, "Br": 0.5}
    for name in ("catalogue", "prototypes"):
        first = next(structures(name, 5, b_iso_default=0.5))
        assert set(first.b_iso) == {0.5}
        assert set(next(structures(name, 5)).b_iso) == {0.0}


def test_errors_pass_by_the_default_displacement(folder):
    assert sum(isinstance(c, CrystalError) for c in structures(str(folder), b_iso_default=0.5)) == 2


def test_prototypes_by_name():
    assert len({c.formula for c in structures("prototypes", 40, seed=1)}) == 40
    assert [c.name for c in structures("prototypes", 5, 1)] != [c.name for c in structures("prototypes", 5, 2)]


def test_the_shipped_pairs_are_of_real_crystals_of_every_group_with_few_beams():
    """The smallest cell of each group comes first, then those with a² up to 25 Å² for each lattice point."""
    crystals = list(structures("bundled", 100))
    assert [crystal.number for crystal in crystals[:36]] == list(range(195, 231))
    points = [{"P": 1, "I": 2, "F": 4}[crystal.space_group[0]] for crystal in crystals]
    areas = [crystal.a**2 / n for crystal, n in zip(crystals, points, strict=True)]
    assert max(areas[36:]) <= CELL < max(areas[:36])
    assert [crystal.name for crystal in crystals] == [entry["id"] for entry in open_store("bundled").index[:100]]
