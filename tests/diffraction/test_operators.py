"""Both forms of the matrix A of a zone axis, against the matrix itself."""

import gemmi
import pytest
import torch

from lacbed_gan.crystal import Crystal, Site
from lacbed_gan.diffraction.beams import Beams, select_beams
from lacbed_gan.diffraction.dense import zone_matrix
from lacbed_gan.diffraction.operators.blocks import Blocks
from lacbed_gan.diffraction.operators.folded_fourier import FoldedFourierOperator, strands
from lacbed_gan.diffraction.operators.half_fourier import HalfFourierOperator
from lacbed_gan.diffraction.operators.sectors import SectorOperator
from lacbed_gan.diffraction.projection import Projection
from lacbed_gan.diffraction.recursion import core, lanes
from lacbed_gan.diffraction.recursion.core import CoreRecursion, FoldedRecursion
from lacbed_gan.diffraction.recursion.lanczos import Recursion

CUBIC = [s for s in gemmi.spacegroup_table() if s.number >= 195 and s.is_reference_setting()]
K = torch.tensor([[0.3, -0.1], [0.0, 0.0], [-1.2, 0.7]], dtype=torch.float64)


def general_crystal(group: gemmi.SpaceGroup, a: float = 7.0) -> Crystal:
    """Two atoms on general positions, so that no symmetry but the group's is there."""
    sites = [Site("O", (0.379, 0.268, 0.336)), Site("Fe", (0.354, 0.103, 0.463))]
    return Crystal.from_sites("general", group.xhm(), a, sites)


def matrix(beams: Beams, k: torch.Tensor) -> torch.Tensor:
    return zone_matrix(beams.g, beams.coupling(), k)


def assert_same_moments(operator, beams: list[Beams], k: torch.Tensor) -> None:
    """⟨g|Aⁿ|0⟩ of every beam g for n = 0 … 4, in units of the largest."""
    followed = operator.functionals([torch.arange(len(beams[0]))] * len(beams))
    v = operator.start()
    expected = torch.zeros(len(beams), len(beams[0]), k.shape[1], dtype=torch.float64)
    expected[:, 0] = 1
    for _ in range(5):
        scale = expected.abs().amax()
        found = operator.components(v, followed).double()
        assert (found - expected).abs().max() < 2e-6 * scale
        following = torch.zeros_like(v)
        operator.add_to(following, v)
        total = operator.sum_over_beams(following**2).double()
        expected = torch.stack(
            [
                torch.stack([matrix(b, one) @ e[:, p] for p, one in enumerate(kc)], 1)
                for b, kc, e in zip(beams, k, expected, strict=True)
            ]
        )
        torch.testing.assert_close(total, (expected**2).sum(1), rtol=1e-5, atol=0)  # and nothing beside the beams
        v = following


@pytest.mark.parametrize("kind", [SectorOperator, HalfFourierOperator])
@pytest.mark.parametrize("group", CUBIC, ids=lambda g: g.short_name())
def test_operator_is_the_matrix_in_every_group(kind: type, group: gemmi.SpaceGroup) -> None:
    beams = select_beams(Projection(general_crystal(group)), 1.1)
    assert len(beams) > 20
    assert_same_moments(kind([beams], K[None]), [beams], K[None])


@pytest.mark.parametrize(
    ("symbol", "count"),
    [("P m -3", 1), ("F d -3:2", 2), ("I 21 3", 2), ("P a -3", 2), ("P 21 3", 4), ("P 43 3 2", 4), ("I a -3 d", 1)],
)
def test_folded_lattice_is_the_matrix(symbol: str, count: int) -> None:
    """Mirror lines, glide lines along y and along both axes, centred lattices with both."""
    beams = select_beams(Projection(general_crystal(gemmi.find_spacegroup_by_name(symbol), 9.0)), 1.1)
    assert strands(beams) == count
    assert_same_moments(FoldedFourierOperator(beams).aim(K[None]), [beams], K[None])


@pytest.mark.parametrize("kind", [SectorOperator, HalfFourierOperator])
def test_crystals_together_and_some_of_them_only(kind: type) -> None:
    """Different cells, one of them twice as large, one with glide lines; then the last two alone."""
    groups = [gemmi.find_spacegroup_by_name(name) for name in ("P m -3 m", "P a -3", "P 21 3")]
    samples = [general_crystal(group, a) for group, a in zip(groups, (5.0, 7.0, 10.0), strict=True)]
    beams = [select_beams(Projection(one), 1.1) for one in samples]
    k = torch.stack([K, 0.5 * K, 2 * K])
    together = kind(beams, k)
    v = together.start()
    out = torch.zeros_like(v)
    together.add_to(out, v)
    followed = together.functionals([torch.arange(30)] * 3)
    for c, one in enumerate(beams):
        alone = kind([one], k[c : c + 1])
        single = torch.zeros_like(alone.start())
        alone.add_to(single, alone.start())
        expected = alone.components(single, alone.functionals([torch.arange(30)]))[0]
        torch.testing.assert_close(together.components(out, followed)[c], expected, atol=2e-6, rtol=1e-5)
    together.keep(torch.tensor([1, 2]))
    kept = torch.zeros_like(v[1:])
    together.add_to(kept, v[1:].clone())
    torch.testing.assert_close(kept, out[1:], atol=2e-6, rtol=1e-5)


def test_glides_have_a_character_that_mirrors_have_not() -> None:
    for name, glide in (("P m -3 m", False), ("F d -3 m:1", False), ("P a -3", True), ("P 21 3", True)):
        beams = select_beams(Projection(general_crystal(gemmi.find_spacegroup_by_name(name))), 1.1)
        character = beams.reflection.character(beams.hk)
        assert bool((character < 0).any()) is glide and (abs(character) == 1).all(), name


def test_a_potential_without_lines_of_reflection_is_refused() -> None:
    beams = select_beams(Projection(general_crystal(gemmi.find_spacegroup_by_name("P m -3 m"))), 1.1)
    beams.potential[3, 4] += 1
    with pytest.raises(ValueError, match="no lines of reflection"):
        SectorOperator([beams], K[None])


@pytest.mark.parametrize("kind", [SectorOperator, HalfFourierOperator])
def test_a_beam_that_is_not_there_has_no_component(kind: type) -> None:
    beams = select_beams(Projection(general_crystal(gemmi.find_spacegroup_by_name("P m -3 m"))), 1.1)
    operator = kind([beams], K[None])
    v = torch.randn_like(operator.start())
    assert not operator.components(v, operator.functionals([torch.tensor([-1, -1])])).any()


GLIDES = ("P 2 3", "P 21 3", "I 21 3", "F d -3:2", "P a -3", "I a -3", "P 43 3 2", "F d -3 c:2", "P m -3 m", "I a -3 d")


@pytest.mark.parametrize("symbol", GLIDES)
def test_recursions_of_a_core_are_that_of_many_crystals(symbol: str) -> None:
    """The first rows of T, before rounding makes both go their own ways; from the fourth on of some pixels only.

    More pixels than a core's group, in parts of one and of several steps.
    """
    beams = select_beams(Projection(general_crystal(gemmi.find_spacegroup_by_name(symbol))), 1.1)
    # no direction of symmetry, whose recursion would end soon
    k = (torch.linspace(0.4, 1, 13)[:, None, None].double() * K + torch.tensor([0.11, 0.23])).view(1, 39, 2)
    assert_same_rows(CoreRecursion(Blocks(beams, lanes.ROWS), k), Recursion([beams], k))
    if strands(beams):
        assert_same_rows(FoldedRecursion(FoldedFourierOperator(beams), k, len(beams)), Recursion([beams], k))


def test_blocks_beyond_the_cache_serve_several_groups(monkeypatch) -> None:
    beams = select_beams(Projection(general_crystal(gemmi.find_spacegroup_by_name("P a -3"))), 1.1)
    k = K[:, None] * torch.linspace(0.2, 1, 40)[:, None].double() + torch.tensor([0.11, 0.23])
    recursions = [CoreRecursion(Blocks(beams, lanes.ROWS), k.view(1, 120, 2)) for _ in range(2)]
    rows = []
    for recursion, streamed in zip(recursions, (1000, 10), strict=True):
        monkeypatch.setattr(core, "STREAMED", streamed)
        monkeypatch.setattr(core, "SEVERAL", 3)
        recursion.advance(20)
        rows.append(recursion.tridiagonal(torch.arange(120)))
    for one, other in zip(*rows, strict=True):
        assert torch.equal(one, other)


def assert_same_rows(one: CoreRecursion | FoldedRecursion, many: Recursion) -> None:
    left, steps = torch.arange(39), 0
    for more in (1, 2, 1, 2):
        if steps == 3:
            left = left[left % 3 > 0]
            one.keep_pixels(torch.arange(39) % 3 > 0)
        steps += more
        one.advance(steps)
        for _ in range(more):
            many.step()
        assert one.steps == many.steps == steps
        expected = many.tridiagonal(torch.zeros_like(left), left)
        for found, other in zip(one.tridiagonal(torch.arange(len(left))), expected, strict=True):
            torch.testing.assert_close(found, other, rtol=1e-4, atol=1e-4)
