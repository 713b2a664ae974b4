"""The entry to both methods."""

import pytest
import torch

from lacbed_gan.crystal import Crystal, Site
from lacbed_gan.diffraction import bright_field
from lacbed_gan.diffraction.beams import select_beams
from lacbed_gan.diffraction.felix.bright_field import felix_bright_field
from lacbed_gan.diffraction.patterns import compute_patterns
from lacbed_gan.diffraction.projection import Projection
from lacbed_gan.diffraction.recursion import converged
from lacbed_gan.diffraction.recursion.converged import intensities

SILICON = Crystal.from_sites("Si", "F d -3 m:1", 5.431, [Site("Si", (0, 0, 0))])


def test_smaller_size_spans_the_same_angles() -> None:
    """The pixels of size 4 lie amid four of size 8, which span ±7.266/a too: in a thin crystal, their mean."""
    small = bright_field(SILICON, (2,), 4, g_max=2.0)[0]
    large = bright_field(SILICON, (2,), 8, g_max=2.0)[0]
    torch.testing.assert_close(small, large.reshape(4, 2, 4, 2).mean((1, 3)), atol=0.01, rtol=0)
    assert large.std() > 1e-4


def test_thin_crystal_leaves_the_beam_alone() -> None:
    image = bright_field(SILICON, (0.01, 50), 8, g_max=2.0)
    assert image.shape == (2, 8, 8) and image.dtype == torch.float32
    assert image[0].min() > 0.999
    assert image[1].min() < 0.9


def test_thickness_by_thickness_or_together() -> None:
    together = bright_field(SILICON, (50, 120), 8, g_max=2.0)
    for row, thickness in zip(together, (50, 120), strict=True):
        torch.testing.assert_close(row, bright_field(SILICON, (thickness,), 8, g_max=2.0)[0], atol=1e-4, rtol=0)


def test_what_is_not_said_is_as_the_published_data_set_was_made() -> None:
    """200 kV and ±7.266/a, at each entry."""
    said = {"energy_kv": 200.0, "half_width": 7.266}
    expected = bright_field(SILICON, (50,), 4, g_max=2.0, **said)
    assert torch.equal(bright_field(SILICON, (50,), 4, g_max=2.0), expected)
    assert torch.equal(compute_patterns([SILICON], (50,), 4, g_max=2.0)[0].intensity, expected)
    beams, k = select_beams(Projection(SILICON), 2.0), torch.zeros(1, 1, 2, dtype=torch.float64)
    assert torch.equal(beams.potential, select_beams(Projection(SILICON), 2.0, 200.0).potential)
    assert torch.equal(intensities([beams], k, (50,))[0], intensities([beams], k, (50,), 200.0)[0])


def test_a_recursion_that_does_not_settle_is_an_error(monkeypatch) -> None:
    monkeypatch.setattr(converged, "MOST_STEPS", 30)
    with pytest.raises(ValueError, match="the recursion of 45 beams has not settled after 30 steps"):
        bright_field(SILICON, (50,), 4, g_max=2.0)


def test_felix_is_the_felix_method() -> None:
    expected = felix_bright_field(SILICON, (100,), 4)
    torch.testing.assert_close(bright_field(SILICON, (100,), 4, method="felix"), expected.float())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "bloch"}, "converged, felix"),
        ({"size": 0}, "positive"),
        ({"thickness": ()}, "positive"),
        ({"thickness": (50, -1)}, "positive"),
        ({"g_max": 0}, "positive"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bright_field(SILICON, **arguments)
