"""Units as programs spell them."""

import math

import pytest

from lacbed_gan.images.units import ANGLE, LENGTH, PIXEL, RECIPROCAL, parse_unit

PER_NM = ["1/nm", "nm^-1", "nm-1", "nm⁻¹", "(1/nm)", "1 / nm", "nm**-1", "nm^(-1)", "$nm^{-1}$", r"$\mathrm{nm}^{-1}$"]
PER_NM += ["/nm", "k_nm^-1", "1/nanometer", "inverse nm", "reciprocal nm", "[1/nm]", "1/NM", "nm−1", "per nm"]
PER_ANGSTROM = ["1/Å", "1/A", "A^-1", "Å^-1", "Å⁻¹", "$A^{-1}$", r"$\AA^{-1}$", "1 / angstrom", "Angstrom^-1", "1/Ang"]
PER_ANGSTROM += ["1/\u212b", "A\u030a^-1", r"1/\u00C5", "k_A^-1", "1/Angstroms", "Å**-1", "angstrom-1", "(1/Å)"]


@pytest.mark.parametrize(
    ("kind", "size", "spellings"),
    [
        (RECIPROCAL, 0.1, PER_NM),
        (RECIPROCAL, 1.0, PER_ANGSTROM),
        (RECIPROCAL, 100.0, ["1/pm", "pm^-1"]),
        (RECIPROCAL, 1e-4, ["1/µm", "um^-1", "1/micron"]),
        (RECIPROCAL, 1e-10, ["1/m", "m^-1"]),
        (ANGLE, 1e-3, ["mrad", "mrads", "milliradian", "(mrad)", "mRad"]),
        (ANGLE, 1.0, ["rad", "radians"]),
        (ANGLE, 1e-6, ["µrad", "μrad", "urad"]),
        (ANGLE, math.pi / 180, ["deg", "°", "degrees"]),
        (LENGTH, 10.0, ["nm", "nanometers"]),
        (LENGTH, 1.0, ["Å", "A", "angstrom", r"\u00C5"]),
        (LENGTH, 1e4, ["µm", "μm", "um", "micron"]),
        (PIXEL, 1.0, ["", None, "px", "pixel", "<undefined>"]),
    ],
)
def test_spellings(kind, size, spellings):
    for spelling in spellings:
        unit = parse_unit(spelling)
        assert unit is not None and (unit.kind, unit.size) == (kind, pytest.approx(size)), spelling


def test_what_is_not_understood_is_not_guessed():
    assert [parse_unit(text) for text in ("furlong", "1/keV", "nm/px", "1/mrad", "q_A^-1", "nm^-2", "counts")] == [
        None
    ] * 7
