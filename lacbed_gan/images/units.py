"""Units of an axis, however a program spells them: lengths in reciprocal space, angles, and lengths."""

from __future__ import annotations

import re
from dataclasses import dataclass

RECIPROCAL, ANGLE, LENGTH, PIXEL = "reciprocal", "angle", "length", "pixel"
# Å in one of the unit.
LENGTHS = {"pm": 0.01, "å": 1.0, "nm": 10.0, "µm": 1e4, "mm": 1e7, "cm": 1e8, "m": 1e10, "in": 2.54e8}
ANGLES = {"rad": 1.0, "mrad": 1e-3, "µrad": 1e-6, "deg": 0.017453292519943295}
LARGEST = 1e5  # Å: a pixel of a longer unit is one of a detector, a print or a screen, not of an image of a specimen
PIXELS = ("", "px", "pixel", "pixels", "none", "<undefined>", "undefined", "arb", "a.u.")
SPELLINGS = {
    "å": ("å", "a", "aa", "ang", "angs", "angstrom", "angstroms", "ångström", "ångstrom", "ångströms", "angström"),
    "nm": ("nm", "nanometer", "nanometers", "nanometre", "nanometres"),
    "pm": ("pm", "picometer", "picometers", "picometre", "picometres"),
    "µm": ("µm", "um", "micron", "microns", "micrometer", "micrometers", "micrometre", "micrometres"),
    "mm": ("mm", "millimeter", "millimetre", "millimeters", "millimetres"),
    "cm": ("cm", "centimeter", "centimetre"),
    "m": ("m", "meter", "metre", "meters", "metres"),
    "in": ("in", "inch", "inches"),
    "rad": ("rad", "radian", "radians"),
    "mrad": ("mrad", "mrads", "milliradian", "milliradians", "mradian", "mradians"),
    "µrad": ("µrad", "urad", "microradian", "microradians"),
    "deg": ("deg", "°", "degree", "degrees"),
}
NAMES = {spelling: name for name, spellings in SPELLINGS.items() for spelling in spellings}
# What TeX, exponents and reading habits put around the name of a unit.
SUPERSCRIPTS = str.maketrans({"⁻": "-", "¹": "1", "⁺": "", "−": "-", "–": "-", "\u212b": "å", "μ": "µ"})
DRESS = re.compile(r"\\(?:mathrm|mathit|text|rm|,|;|!)|\\left|\\right|[${}\[\]()\s~_*]|\^")
ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
TEX_ANGSTROM = re.compile(r"\\(?:AA|r\s*\{?A\}?|mathring\s*\{?A\}?|angstrom)(?![a-z])")
INVERSE = re.compile(r"(?:1?/|inv(?:erse)?\.?|reciprocal|per)(?P<after>.+)|(?P<before>.+?)-1(?:\.0*)?")


@dataclass(frozen=True)
class Unit:
    """What one of a unit is.

    Attributes:
        kind: ``reciprocal`` (in 1/Å), ``angle`` (in radians), ``length`` (in Å) or ``pixel`` (nothing is said).
        size: of one, in that unit.
    """

    kind: str
    size: float


def parse_unit(text: object) -> Unit | None:
    r"""The unit that a file spells in any of the usual ways, None where it is not understood.

    >>> [parse_unit(t).size for t in ("1/nm", "nm^-1", r"$\mathrm{nm}^{-1}$", "(1 / nm)", "A^-1", "mrad")]
    [0.1, 0.1, 0.1, 0.1, 1.0, 0.001]
    >>> parse_unit("um").kind, parse_unit("furlong")
    ('length', None)
    """
    words = str("" if text is None else text)
    words = ESCAPE.sub(lambda match: chr(int(match[1], 16)), words)  # as ImageJ writes what is not ASCII
    words = TEX_ANGSTROM.sub("å", words).translate(SUPERSCRIPTS).lower().replace("a\u030a", "å").replace("μ", "µ")
    words = DRESS.sub("", words).removeprefix("k").strip()
    if words in PIXELS:
        return Unit(PIXEL, 1.0)
    if name := NAMES.get(words):
        return Unit(ANGLE, ANGLES[name]) if name in ANGLES else Unit(LENGTH, LENGTHS[name])
    match = INVERSE.fullmatch(words)
    name = NAMES.get((match["after"] or match["before"]).strip("/.")) if match else None
    return Unit(RECIPROCAL, 1 / LENGTHS[name]) if name in LENGTHS else None
