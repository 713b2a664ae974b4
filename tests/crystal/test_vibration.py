"""B drawn for crystals that have none."""

import hashlib

import numpy as np
import pytest

from lacbed_gan.crystal.structures import structures
from lacbed_gan.crystal.vibration import DrawnB, default_b_iso


def test_the_rule():
    """As documented, computed another way."""
    u = int(hashlib.sha256(b"7:SrTiO3").hexdigest()[-16:], 16) / 2**64
    assert DrawnB(0.2, 1.2, 7).of("SrTiO3") == pytest.approx(0.2 + u, abs=1e-12)
    assert default_b_iso(DrawnB(0.2, 1.2, 7), "SrTiO3") == DrawnB(0.2, 1.2, 7).of("SrTiO3")
    assert default_b_iso(0.5, "SrTiO3") == 0.5


def test_draws_are_uniform_and_differ_by_seed_and_name():
    values = np.array([DrawnB(0.2, 1.2).of(f"crystal-{i}") for i in range(2000)])
    assert 0.2 <= values.min() < 0.21 and 1.19 < values.max() < 1.2
    assert np.histogram(values, 4, (0.2, 1.2))[0].min() > 420
    assert DrawnB(0.2, 1.2, 1).of("crystal-0") != values[0]


def test_the_first_crystals_of_a_sample_have_all_kinds_of_b():
    """Their order is by another part of the same hash."""
    values = [DrawnB(0.2, 1.2).of(crystal.name) for crystal in structures("bundled", 150)]
    assert np.histogram(values[36:], 4, (0.2, 1.2))[0].min() > 15
