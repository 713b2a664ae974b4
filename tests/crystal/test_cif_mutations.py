"""A sample of the mutations of experiments/cif_mutations: none is another crystal in silence; time and memory."""

import resource
import time
from pathlib import Path

import pytest
from cif_mutations import KINDS, Tally, outcomes, seeds

from lacbed_gan.crystal import Crystal

FELIX = Path(__file__).parents[1] / "data/felix"


def test_no_mutation_is_another_crystal_in_silence(tmp_path):
    tally = Tally()
    for mutated, result, line, source in outcomes(seeds(), 660, 1, tmp_path):
        tally.add(mutated, result, line, source)
        if line and result == "refused":
            assert "\n" not in line and len(line.partition("x.cif: ")[2]) <= 160
    assert not [(source.name, mutated.kind, mutated.what, line) for mutated, _, line, source in tally.faults]
    assert {kind for kind, _ in tally.counts} == {*KINDS}
    kept = sum(tally.counts[kind, "same"] for kind in ("reordered", "respelled"))
    assert kept == sum(n for (kind, _), n in tally.counts.items() if kind in ("reordered", "respelled"))


def test_reading_is_fast_and_keeps_nothing():
    """1,000 CIFs in 20 s of one core, and memory does not grow."""
    files = seeds()
    for path in files:
        Crystal.from_cif(path)
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    for _ in range(10):
        for path in files:
            Crystal.from_cif(path)
    assert time.process_time() - start < 0.02 * 10 * len(files)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # kB


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parents[1] / "data/felix").glob("*.cif")), ids=lambda path: path.stem
)
def test_structure_factors_by_pymatgen(path):
    """Atoms of public and other CIFs as pymatgen expands them: Σ Z occ exp(−2πi g·r) of some reflections."""
    pytest.importorskip("pymatgen")
    import gemmi
    import numpy as np
    from pymatgen.io.cif import CifParser

    structure = CifParser(path).parse_structures(primitive=False)[0]
    crystal = Crystal.from_cif(path)
    hkl = np.array([[2, 0, 0], [1, 1, 0], [1, 1, 1], [2, 1, 0], [3, 1, 1], [4, 0, 0], [2, 4, 6]])
    theirs = sum(
        kind.Z * share * np.exp(-2j * np.pi * hkl @ site.frac_coords)
        for site in structure
        for kind, share in site.species.items()
    )
    z = np.array([gemmi.Element(element).atomic_number for element in crystal.elements])
    ours = np.exp(-2j * np.pi * hkl @ crystal.positions.T) @ (z * crystal.occupancy)
    np.testing.assert_allclose(ours, theirs, atol=1e-3 * z.sum())
