"""Zone axes other than [001]: nothing between a projection and its pattern knows that the net is square."""

import numpy as np
import pytest
import torch

from lacbed_gan.crystal.catalogue import catalogue
from lacbed_gan.diffraction.beams import select_beams
from lacbed_gan.diffraction.dense import intensities as intensities_of_all
from lacbed_gan.diffraction.pixels import IndependentPixels
from lacbed_gan.diffraction.projection import Projection
from lacbed_gan.diffraction.recursion import lanczos
from lacbed_gan.diffraction.recursion.converged import intensities
from lacbed_gan.diffraction.window import Window

SIZE, G_MAX = 8, 1.6


@pytest.mark.parametrize("blocks", [2000, 0], ids=["sectors", "half_fourier"])
@pytest.mark.parametrize(
    ("name", "basis", "independent"),
    [("Si", ((0, 0, 1), (1, -1, 0)), 16), ("Si", ((1, -1, 0), (0, 1, -1)), 20), ("Cu", ((0, 0, 2), (1, -1, 0)), 16)],
    ids=["Si [110]", "Si [111]", "Cu [110]"],
)
def test_pattern_equals_dense_solution_without_symmetry(monkeypatch, name, basis, independent, blocks) -> None:
    """A rectangular, a hexagonal and a centred net; every pixel, those that symmetry fills in too."""
    monkeypatch.setattr(lanczos, "BLOCKS", blocks)
    projection, window = Projection(catalogue()[name], basis), Window(SIZE, 3.0)
    beams = select_beams(projection, G_MAX)
    pixels = IndependentPixels.of(SIZE, projection.point_group, projection.net)
    assert len(pixels.rows) == independent
    k = torch.from_numpy(window.directions(projection.net, pixels.rows, pixels.columns))
    found, _ = intensities([beams], k[None], (100,))
    hk = torch.from_numpy(projection.net.within(G_MAX))
    u = projection.structure_factors(hk[:, None] - hk).fill_diagonal_(0)
    every = torch.from_numpy(window.directions(projection.net, *np.indices((SIZE, SIZE)).reshape(2, -1)))
    expected = intensities_of_all(torch.from_numpy(projection.net.cartesian(hk)), u, every, (100,))[0, 0]
    assert (pixels.complete(found[0, 0, 0]).flatten() - expected).abs().max() < 1e-4
    assert expected.std() > 0.05


def test_a_zone_without_a_two_fold_axis_is_refused() -> None:
    """GaAs along [110], where only a mirror line is left."""
    with pytest.raises(ValueError, match="no two-fold axis along the zone axis"):
        select_beams(Projection(catalogue()["GaAs"], ((0, 0, 1), (1, -1, 0))), G_MAX)
