"""Net and window: reciprocal vectors, lengths, order and directions of pixels."""

import math

import numpy as np
import pytest

from lacbed_gan.diffraction.net import Net
from lacbed_gan.diffraction.sublattice import Sublattice
from lacbed_gan.diffraction.window import Window

HEXAGONAL = Net(((0.25, 0.0), (0.125, 0.125 * math.sqrt(3))))  # 60° between b₁ and b₂


@pytest.mark.parametrize("net", [Net.square(5.43), HEXAGONAL, Net(((0.2, 0.0), (0.03, 0.31)))])
def test_lengths_are_those_of_the_vectors(net: Net) -> None:
    hk = np.random.default_rng(0).integers(-9, 10, (50, 2))
    np.testing.assert_allclose(net.squared_length(hk), (net.cartesian(hk) ** 2).sum(-1))
    assert net.lengths == pytest.approx([np.linalg.norm(b) for b in net.vectors])
    np.testing.assert_allclose(net.direct @ np.array(net.vectors).T, np.eye(2), atol=1e-12)
    h, k = np.meshgrid(np.arange(-40, 41), np.arange(-40, 41), indexing="ij")
    expected = np.hypot(*np.moveaxis(net.cartesian(np.stack([h, k], -1)), -1, 0)) <= 2.0
    found = net.within(2.0)
    assert len(found) == expected.sum() and len(set(map(tuple, found.tolist()))) == len(found)
    assert (np.diff(net.squared_length(found)) > -1e-9).all() and not found[0].any()


def test_six_nearest_of_a_hexagonal_net() -> None:
    assert {tuple(hk) for hk in HEXAGONAL.within(0.25).tolist()[1:]} == {
        (1, 0),
        (-1, 0),
        (0, 1),
        (0, -1),
        (1, -1),
        (-1, 1),
    }


def test_reflections_on_the_limit_are_inside_and_in_order() -> None:
    """5.6 Å · 1.25 1/Å = 7, the length of 70 and of no rounding."""
    found = Net.square(5.6).within(1.25).tolist()
    assert {(7, 0), (-7, 0), (0, 7), (0, -7)} <= {tuple(hk) for hk in found}
    fives = [hk for hk in found if hk[0] ** 2 + hk[1] ** 2 == 25]
    assert fives == sorted(fives)


def test_window_is_that_of_the_published_data() -> None:
    axis = Window(128).axis
    assert axis[0] == pytest.approx(-63.5 / 64 * 7.266)
    assert axis[64] == pytest.approx(0.5 / 64 * 7.266)
    assert Window(128).step == pytest.approx(axis[1] - axis[0])


def test_directions_and_pixels() -> None:
    window, net = Window(4, 2.0), Net.square(4.0)
    k = window.directions(net, [0, 3], [1, 3])
    np.testing.assert_allclose(k, [[-0.5 / 4, -1.5 / 4], [1.5 / 4, 1.5 / 4]])
    assert window.pixel_size(net) == pytest.approx((0.25, 0.25))


def test_reduction_ends_half_way_between_two_points() -> None:
    """R 3 m along [331]: c₁ · c₂ is half of |c₁|² up to rounding, and c₂ as long on either side."""
    net = Net(((0.2344712446198249, 0.0), (0.11723562230991244, 0.6594340068781124)))
    lattice = Sublattice.generated([(1, 1), (3, 0), (-2, 1)], net)
    assert lattice.index == 3 and net.squared_length(lattice.basis) == pytest.approx([0.49479, 0.55855], abs=1e-5)
