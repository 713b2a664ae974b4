"""Augmentation: against the physics of turned, mirrored and shifted crystals, and as a group."""

import math
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch

from lacbed_gan.crystal.catalogue import catalogue
from lacbed_gan.data.augment import draw, gather
from lacbed_gan.diffraction import bright_field, projected_potential
from lacbed_gan.diffraction.dense import intensities
from lacbed_gan.diffraction.net import Net
from lacbed_gan.diffraction.window import Window

OPERATIONS = [(*operation, 0, 0) for operation in product((0, 1), repeat=3)]
G_MAX = 1.2  # 1/Å, of the beams: a few dozen, and differences of them that 32 pixels can carry


def images(count=4, channels=1, size=8, seed=0):
    random = torch.Generator().manual_seed(seed)
    return torch.randint(256, (count, channels, size, size), generator=random, dtype=torch.uint8)


def moved(image, move, space="real", periodic=True):
    """One image (n, n), moved."""
    return gather(image[None, None], torch.tensor([0]), torch.tensor([move]), space, periodic)[0, 0]


def moved_crystal(crystal, move):
    """The crystal with its atoms at the moved x and y, from the meaning of a move."""
    transpose, mirror_y, mirror_x, *_ = move
    x, y, z = crystal.positions.T.copy()
    if transpose:
        x, y = y, x
    positions = crystal.positions.copy()
    positions[:, 0], positions[:, 1], positions[:, 2] = (-x if mirror_x else x), (-y if mirror_y else y), z
    return replace(crystal, positions=positions)


def pattern_of(potential, a, thickness=300.0, size=8, g_max=G_MAX):
    """The pattern (size, size) of ρ (n, n), periodic, of a cell edge a in Å: dense matrices, any symmetry or none."""
    n = len(potential)
    u = torch.fft.fft2(potential.double()) / n**2
    u[0, 0] = 0
    net = Net.square(a)
    assert 4 * net.reach(g_max)[0] < n  # of the difference of two beams no other reflection takes the place
    hk = torch.from_numpy(net.within(g_max))
    h, k = (hk[:, None] - hk).unbind(-1)
    rows, columns = np.indices((size, size)).reshape(2, -1)
    directions = torch.from_numpy(Window(size).directions(net, rows, columns))
    # negative indices count from the end, as the transform does
    return intensities(hk.double() / a, u[k, h], directions, (thickness / 10,))[0, 0].view(size, size)


@pytest.mark.parametrize(("space", "periodic"), [("real", True), ("real", False), ("angle", True)])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_identity_is_plain_indexing(space, periodic, channels):
    store, rows = images(channels=channels), torch.tensor([2, 0, 2])
    result = gather(store, rows, torch.zeros(3, 5, dtype=torch.int64), space, periodic)
    assert result.dtype == torch.uint8
    assert torch.equal(result, store[rows])


@pytest.mark.parametrize("sampling", ["periodic", "endpoints"])
@pytest.mark.parametrize("move", OPERATIONS)
def test_moved_potential_is_that_of_the_moved_crystal(move, sampling):
    """FeSi, P2₁3: no mirror, no four-fold axis, and an origin that is not on a two-fold axis."""
    crystal = catalogue()["FeSi"]
    rho = projected_potential(crystal, 32, sampling=sampling)
    expected = projected_potential(moved_crystal(crystal, move), 32, sampling=sampling)
    tolerance = 1e-5 * float(rho.max() - rho.min())
    torch.testing.assert_close(moved(rho, move, "real", sampling == "periodic"), expected, atol=tolerance, rtol=0)
    # The other convention, one pixel off, is far from it: the test would see it.
    if any(move[1:3]):
        wrong = moved(rho, move, "real", sampling != "periodic")
        assert (wrong - expected).abs().max() > 0.05 * (rho.max() - rho.min())


def test_pattern_of_the_test_is_that_of_the_program():
    crystal = catalogue()["FeSi"]
    rho = projected_potential(crystal, 32, g_max=2 * G_MAX + 0.1)
    expected = bright_field(crystal, (30,), 8, g_max=G_MAX)[0]
    torch.testing.assert_close(pattern_of(rho, crystal.a).float(), expected, atol=2e-3, rtol=0)
    assert expected.std() > 0.01


@pytest.mark.parametrize("move", [*OPERATIONS, (0, 0, 0, 3, 20), (1, 0, 1, 31, 7)])
@pytest.mark.parametrize("symmetric", [True, False])
def test_pattern_of_a_moved_potential_is_the_moved_pattern(move, symmetric):
    """Of FeSi, and of an invented ρ whose pattern has no mirror, so that each of the operations shows."""
    crystal = catalogue()["FeSi"]
    rho = projected_potential(crystal, 32, g_max=2 * G_MAX + 0.1).double()
    if not symmetric:
        y, x = torch.meshgrid(*[torch.arange(32, dtype=torch.float64) * (2 * math.pi / 32)] * 2, indexing="ij")
        rho = rho + 0.2 * torch.cos(x + 2 * y + 0.5) + 0.2 * torch.sin(2 * x - y) + 0.1 * torch.cos(2 * x + 1)
    pattern = pattern_of(rho, crystal.a)
    expected = pattern_of(moved(rho, move), crystal.a)
    torch.testing.assert_close(moved(pattern, move, "angle"), expected, atol=1e-8, rtol=0)
    changed = bool(move[0]) if symmetric else tuple(move[:3]) not in ((0, 0, 0), (0, 1, 1))
    assert ((expected - pattern).abs().max() > 0.01) == changed  # every pattern has a two-fold axis


@pytest.mark.parametrize(("space", "periodic"), [("real", True), ("real", False), ("angle", True)])
def test_operations_are_a_group_of_eight(space, periodic):
    image = images(1)[0, 0]
    copies = [moved(image, move, space, periodic) for move in OPERATIONS]
    distinct = {tuple(copy.flatten().tolist()) for copy in copies}
    assert len(distinct) == 8
    twice = {tuple(moved(c, m, space, periodic).flatten().tolist()) for c in copies for m in OPERATIONS}
    assert twice == distinct


@pytest.mark.parametrize("move", [(0, 0, 0, 2, 7), (1, 1, 0, 5, 3)])
def test_order_of_a_move_by_torch(move):
    """Transposed, then mirrored, then shifted."""
    image = images(1)[0, 0]
    expected = image.T if move[0] else image
    for dim in (0, 1):
        if move[1 + dim]:
            expected = expected.flip(dim).roll(1, dim)
    assert torch.equal(moved(image, move), expected.roll(move[3:], (0, 1)))
    # A pattern, and a ρ without a period, are not shifted.
    for space, periodic in [("angle", True), ("real", False)]:
        assert torch.equal(moved(image, move, space, periodic), moved(image, (*move[:3], 0, 0), space, periodic))


def test_shifts_leave_the_moduli_of_fourier_coefficients():
    store = images(3, 2)
    moves = draw(3, torch.Generator().manual_seed(1), 8, point_group=False, shift=True)
    result = gather(store, torch.arange(3), moves, "real")
    assert not torch.equal(result, store)
    moduli = [torch.fft.rfft2(x.double()).abs() for x in (result, store)]
    torch.testing.assert_close(*moduli)


def test_each_image_of_a_batch_has_its_move_and_all_its_channels_have_the_same():
    store = images(5, 3)
    rows = torch.tensor([4, 1, 1, 0, 3, 2])
    moves = draw(6, torch.Generator().manual_seed(2), 8, point_group=True, shift=True)
    for space in ("real", "angle"):
        result = gather(store, rows, moves, space)
        for image, row, move in zip(result, rows, moves.tolist(), strict=True):
            for channel, original in zip(image, store[row], strict=True):
                assert torch.equal(channel, moved(original, move, space))


def test_an_empty_batch():
    moves = draw(0, torch.Generator(), 8, point_group=True, shift=True)
    assert moves.shape == (0, 5)
    result = gather(images(channels=2), torch.zeros(0, dtype=torch.int64), moves, "real")
    assert result.shape == (0, 2, 8, 8) and result.dtype == torch.uint8


def test_draws_are_uniform():
    moves = draw(16_000, torch.Generator().manual_seed(0), 16, point_group=True, shift=True)
    counts = torch.bincount(moves[:, 0] * 4 + moves[:, 1] * 2 + moves[:, 2], minlength=8)
    assert counts.shape == (8,) and ((counts - 2000).abs() < 5 * 2000**0.5).all()
    counts = torch.bincount(moves[:, 3] * 16 + moves[:, 4], minlength=256)
    assert counts.shape == (256,) and ((counts - 62.5).abs() < 5 * 62.5**0.5).all()


def test_draws_follow_from_the_seed_and_from_what_is_asked():
    def drawn(seed=3, **asked):
        return draw(50, torch.Generator().manual_seed(seed), 16, **{"point_group": True, "shift": True} | asked)

    assert torch.equal(drawn(), drawn())
    assert not torch.equal(drawn(), drawn(4))
    without = drawn(shift=False)
    assert not without[:, 3:].any() and torch.equal(without[:, :3], drawn()[:, :3])
    assert not drawn(point_group=False)[:, :3].any()


def test_refusals():
    moves = torch.zeros(1, 5, dtype=torch.int64)
    with pytest.raises(ValueError, match="real, angle"):
        gather(images(), torch.tensor([0]), moves, "reciprocal")
    with pytest.raises(ValueError, match="8 × 6"):
        gather(images()[..., :6], torch.tensor([0]), moves, "real")
