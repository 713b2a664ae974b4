from pathlib import Path

import numpy as np
import pytest

from lacbed_gan.crystal import Crystal
from lacbed_gan.diffraction import projected_potential
from lacbed_gan.store.packed import open_store
from lacbed_gan.store.published.polarity import bragg_map, decide, patterns_are_bright_high, potential_is_bright_high

FELIX = Path(__file__).parents[1] / "data" / "felix"


def test_shipped_pairs_both_ways():
    store = open_store("bundled")
    right, inverted = [], []
    for row in range(0, len(store), 8):
        potential, pattern = store.potential[row], store.pattern[row]
        assert potential_is_bright_high(potential) and not potential_is_bright_high(255 - potential)
        right.append(patterns_are_bright_high(potential / 255, pattern / 255))
        inverted.append(patterns_are_bright_high(1 - potential / 255, 1 - pattern / 255))
    assert np.mean(right) >= 0.95
    assert [not vote for vote in inverted] == right


@pytest.mark.parametrize("name", ["Cu", "Cu_Biso", "FeSi", "GaAs", "SrTiO3", "MgAl2O4", "Si_o1"])
def test_patterns_of_felix(name):
    """Pixels of another program's patterns are low where reflections are excited, at every thickness."""
    reference = np.load(FELIX / f"{name}.npz")
    potential = projected_potential(Crystal.from_cif(FELIX / f"{name}.cif"), size=128).numpy()
    excited = bragg_map(potential, int(reference["size"]))[tuple(reference["pixels"].T)]
    assert all(np.corrcoef(excited, pattern)[0, 1] < -0.2 for pattern in reference["patterns"])


def test_bragg_map_of_one_reflection():
    """A wave along x excites ±g where 2 k_x h + h² = 0, at k_x = ∓h/2."""
    potential = np.tile(np.cos(2 * np.pi * 4 * np.arange(64) / 64), (64, 1))
    excited = bragg_map(potential, 128)
    assert np.ptp(excited, axis=0).max() < 1e-12
    edge = (np.arange(128) - 63.5) / 64 * 7.266
    np.testing.assert_allclose(np.abs(edge[np.argsort(excited[0])[-4:]]), 2, atol=0.114)  # a pixel's width
    np.testing.assert_allclose(bragg_map(potential, 128, 4), excited[2::4, 2::4])


def test_decide():
    assert decide([True] * 9 + [False]) == ("bright_high", 9)
    assert decide([False] * 3) == ("dark_high", 3)
    assert decide([True, False, True, False]) == (None, 2)
