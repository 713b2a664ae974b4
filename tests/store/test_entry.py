"""The line of a crystal in the index: what is odd about its source, and its change of basis, only where there are."""

from pathlib import Path

import numpy as np

from lacbed_gan.crystal import Crystal
from lacbed_gan.store.making import Pair

CASES = Path(__file__).parents[1] / "crystal/cases"
PAIR = Pair(np.zeros((2, 2), np.float32), np.zeros((1, 2, 2), np.float32), np.zeros(0), 0.0, 0.0)


def entry(name: str) -> dict[str, object]:
    return PAIR.entry(Crystal.from_cif(CASES / f"{name}.cif"))


def test_remarks_and_change_of_basis_in_the_index():
    plain = entry("full_HM_symbol")
    assert not {"remarks", "change_of_basis"} & set(plain)
    listed = entry("P1_list_of_cubic_NaCl")
    assert listed["remarks"] == ["symmetry from coordinates (spglib, 0.01 Å): F m -3 m"]
    assert "change_of_basis" not in listed, "the axes and the origin are the file's"
    basis = entry("primitive_cell_fcc")["change_of_basis"]
    assert abs(np.linalg.det(basis["matrix"])) == 4
    assert basis["origin"] == [0, 0, 0]
