"""The cut-off that a tolerance asks for."""

import torch

from lacbed_gan.crystal import Crystal, Site
from lacbed_gan.diffraction.cut_off import LADDER, AutoCutOff, climb
from lacbed_gan.diffraction.errors import CalculationError
from lacbed_gan.diffraction.patterns import Patterns, compute_patterns

T = (50, 200)


def nacl(b_iso: float) -> Crystal:
    sites = [Site("Na", (0, 0, 0), b_iso=b_iso), Site("Cl", (0.5, 0.5, 0.5), b_iso=b_iso)]
    return Crystal.from_sites("NaCl", "F m -3 m", 5.64, sites)


def patterns(crystal: Crystal, g_max, **options) -> Patterns:
    (found,) = compute_patterns([crystal], T, 16, g_max=g_max, **options)
    assert isinstance(found, Patterns)
    return found


def test_the_error_over_the_whole_image_is_within_the_tolerance_and_that_of_the_rung_below_is_not():
    """Against beams to 5 1/Å, by which vibration with B = 0.9 Å² has put an end to all scattering."""
    crystal, truth = nacl(0.9), patterns(nacl(0.9), 5.0).intensity

    def error(found: Patterns) -> float:
        return float((found.intensity - truth).square().mean().sqrt())

    chosen, careful = patterns(crystal, AutoCutOff(0.03)), patterns(crystal, AutoCutOff(0.004))
    below = patterns(crystal, LADDER[LADDER.index(chosen.g_max) - 1])
    assert error(chosen) < 0.03 < error(below) and error(careful) < 0.004
    assert 0.5 * error(careful) < careful.error_rms < 2 * error(careful)
    assert torch.equal(chosen.intensity, patterns(crystal, chosen.g_max).intensity)


def test_atoms_at_rest_and_a_smaller_tolerance_ask_for_more():
    cut_offs = [
        patterns(nacl(b_iso), AutoCutOff(tolerance)).g_max
        for b_iso, tolerance in [(1.5, 0.05), (0.9, 0.05), (0.9, 0.004), (0.3, 0.004)]
    ]
    assert cut_offs == sorted(set(cut_offs))


def test_a_reflection_whose_dark_field_is_wanted_is_within():
    few = patterns(nacl(1.5), AutoCutOff(0.2))
    more = patterns(nacl(1.5), AutoCutOff(0.2), dark_field=[(0, 12)])
    assert few.g_max < 12 / 5.64 <= more.g_max < 12 / 5.64 + 0.02


def test_crystals_together_and_alone():
    broken = Crystal.from_sites("He", "P m -3 m", 3.0, [Site("He", (0, 0, 0), b_iso=float(90))])
    together = compute_patterns([nacl(0.5), broken, nacl(1.5)], T, 16, g_max=AutoCutOff(0.03))
    assert [each.g_max for each in (together[0], together[2])] == [
        patterns(nacl(b_iso), AutoCutOff(0.03)).g_max for b_iso in (0.5, 1.5)
    ]


def test_who_does_not_settle_gets_the_largest_and_an_error_stays_an_error():
    def compute(which, g_max):
        values = {0: torch.full((1, 2), float(g_max)), 1: CalculationError("no"), 2: torch.zeros(1, 2)}
        return [values[i] for i in which]

    never, failed, at_once = climb(compute, 3, 0.02)
    assert never.g_max == LADDER[-3] == 4.479 and str(failed) == "no" and at_once.g_max == LADDER[0] == 1.5
