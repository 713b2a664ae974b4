"""The elements that a site is said to hold: whole symbols with charges and numbers, mixtures with their shares."""

from __future__ import annotations

import re

import gemmi

from lacbed_gan.base.messages import printable
from lacbed_gan.crystal.crystal import CrystalError
from lacbed_gan.crystal.form_factors import HEAVIEST

NAMES = {gemmi.Element(z).name: z for z in range(1, HEAVIEST + 1)}
ISOTOPES = {"D": "H"}
VACANCY = re.compile(r"va|vac|vacancy|void|□|\[\]|v\(?ac\)?", re.IGNORECASE)
DUMMY = re.compile(r"du|dum|dummy", re.IGNORECASE)
# Groups whose hydrogen the file does not place: what is left of them stands for the whole.
GROUPS = {
    re.compile(r"(H2O|OH2|HOH|OHH|D2O|OD2|H3O|OH3|OH|OD|O-H|O-D|OW|O_?W\d*|WAT|WATER|HYDROXYL)", re.IGNORECASE): "O",
    re.compile(r"(NH4|ND4|NH3|NH2|NH)", re.IGNORECASE): "N",
}
# Capitals that spell an element as well as a molecule.
AMBIGUOUS = {"CO", "NO", "HO", "HF", "CN", "OS"}
CHARGE = r"(?:\(?[+\-−]?\d*\.?\d*[+\-−]?\)?|\(?[IVX]+\)?)"
SYMBOL = re.compile(rf"([A-Za-z]{{1,2}})\(?(\d{{0,3}})\)?[ ,]*{CHARGE}")
ISOTOPE = re.compile(rf"\(?\d{{1,3}}\)?([A-Z][a-z]?)\d*{CHARGE}")
SCATTERING = re.compile(r"(Cval|Siva|Sival|Hiso)\d*|([A-Z][a-z]?)\(SDS\)")
PART = r"(?:[A-Z][a-z]?|□|\[\])"
CHARGED = r"(?:\d?[+\-−]\d?)?"  # of an element in a mixture
SHARE = r"(?:\d+(?:\.\d+)?%|\d+\.\d*|\.\d+|\d+)"
AFTER = re.compile(rf"({PART}|Va){CHARGED} *[:=]? *\(?({SHARE})\)?(?:\(\d+\))?{CHARGED}")
BEFORE = re.compile(rf"({SHARE})(?:\(\d+\))? *\*? *({PART}|Va)(?:{CHARGED}(?![\d.%])|)")
LABEL = re.compile(r"([A-Z][a-z]?|[a-z]{1,2})(.*)", re.DOTALL)
SITE_LETTERS = set("ABCDEGJLMQRTXZ")  # as in AlT, MgM2, CaA, OB

Shares = dict[str, float]


def shares_of(type_symbol: str, label: str) -> tuple[Shares, str]:
    """What a site holds.

    Args:
        type_symbol: as in ``_atom_site_type_symbol``; nothing where the file has none, and the label tells.

    Returns:
        the share of each element, 1 of one or less of several, none of a vacancy or a dummy; and what is odd.

    Raises:
        CrystalError: it names no element, or several without their shares.
    """
    name = (type_symbol or label).translate(str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")).strip()
    site = printable(label or type_symbol, 40)
    if VACANCY.fullmatch(name) or DUMMY.fullmatch(name.rstrip("0123456789")):
        return {}, f"{printable(name, 20)} of site {site} is no atom and left out"
    element = _group(name)
    if element and not (name == "Os" or (not type_symbol and name in NAMES)):
        return {
            element: 1.0
        }, f"'{printable(name, 20)}' of site {site} is taken for {element}; its hydrogen is left out"
    shares = _mixture(name)
    if shares is not None:
        if not 0 < sum(shares.values()) <= 1.001:
            total = sum(shares.values())
            raise CrystalError(
                f"'{printable(name, 40)}' of site {site} has shares of {total:g} in all; write shares up to 1"
            )
        return {element: share for element, share in shares.items() if element in NAMES and share}, ""
    found, odd = _whole(name) if type_symbol else _of_label(name)
    if found:
        return {found: 1.0}, odd
    several = re.findall(r"[A-Z][a-z]?", name)
    if len(several) > 1 and all(symbol in NAMES for symbol in several):
        raise CrystalError(
            f"'{printable(name, 40)}' of site {site} is several elements; "
            "write a line for each, at the same place, with its occupancy"
        )
    unknown = name if type_symbol else _letters(name)
    remedy = "; write the elements that are there" if re.match(r"[A-Z](?![a-z])", unknown) else ""
    raise CrystalError(f"unknown element '{printable(unknown, 40)}' of site {site}{remedy}")


def contradiction(element: str, label: str) -> str:
    """What is odd about a label that names another element than the site holds, or several."""
    match = re.match(r"([A-Z][a-z]?)(?![A-Za-z])", label)
    other = ISOTOPES.get(match[1], match[1]) if match else ""
    if re.match(rf"{PART}\d*[+\-]? *[/,+] *{PART}", label):
        return f"its label {printable(label, 20)} names several elements, its type {element} alone"
    if match and other in NAMES and other != element and not (other == "W" and element == "O"):
        return f"site {printable(label, 20)} is said to be {element}"
    return ""


def _whole(name: str) -> tuple[str, str]:
    """The element of a type symbol such as Na, Na1+, FE, 57Fe or O2-, and what is odd; nothing where it is none."""
    match = SCATTERING.fullmatch(name)
    if match:
        return match[2] or match[1].removesuffix("val").removesuffix("va").removesuffix("iso"), ""
    match = ISOTOPE.fullmatch(name) or SYMBOL.fullmatch(name)
    if not match:
        return "", ""
    letters = match[1]
    symbol = ISOTOPES.get(letters.capitalize(), letters.capitalize())
    if symbol not in NAMES or (letters in AMBIGUOUS):
        return "", ""
    return symbol, ""


def _of_label(name: str) -> tuple[str, str]:
    """The element that a label begins with, of a file without type symbols."""
    match = LABEL.match(name)
    if not match:
        found, _ = _whole(name)
        return found, ""
    letters, rest = match.groups()
    symbol = ISOTOPES.get(letters.capitalize(), letters.capitalize())
    if symbol not in NAMES and len(letters) == 2:  # a letter of the site after an element of one: Oa, Cx
        letters, rest = letters[0], letters[1] + rest
        symbol = letters.upper()
    if symbol not in NAMES:
        return "", ""
    following = re.match(r"[A-Za-z]*", rest)[0]  # type: ignore[index]
    if len(letters) == 1 and following[:1].isupper() and (letters + following).capitalize() in NAMES:
        capital = (letters + following[:1]).capitalize()  # FE1, of a program that writes capitals
        if name[:2] in AMBIGUOUS:
            return "", ""
        if len(following) == 1:
            return capital, f"the label {printable(name, 20)} is taken for {capital}"
    if len(following) > 1 and following not in ("II", "III", "IV", "VI"):
        return "", ""
    if re.search(rf"[/,+] *{PART}", rest) and re.search(r"[A-Z]", rest):
        return "", ""  # several elements
    if following.isupper() and following not in SITE_LETTERS | {"II", "III", "IV", "VI"}:
        return "", ""
    odd = f"the label {printable(name, 20)} is taken for {symbol}" if following and following in NAMES else ""
    return symbol, odd


def _group(name: str) -> str:
    spellings = name.rstrip("+-−"), name.rstrip("+-−0123456789")
    return next((e for pattern, e in GROUPS.items() if any(map(pattern.fullmatch, spellings))), "")


def _letters(name: str) -> str:
    return re.match(r"[A-Za-z]*", name)[0] or name  # type: ignore[index]


def _mixture(name: str) -> Shares | None:
    """Shares that a name spells out: Nb0.8Zr0.2, 0.8Nb + 0.2Zr, Nb80Zr20; None where it does not."""
    text = re.sub(r"[\s(){}]+", " ", name).strip()
    for pattern, element, share in ((BEFORE, 2, 1), (AFTER, 1, 2)):
        parts = [*pattern.finditer(text)]
        rest = pattern.sub("", text)
        if not parts or not re.fullmatch(r"[\s+,/;&]*", rest):
            continue
        numbers = [match[share] for match in parts]
        if len(parts) == 1 and re.search(r"\d[+\-−]", text):
            return None  # a charge, as of Fe2.5+
        if len(parts) == 1 and "." not in numbers[0] and "%" not in numbers[0]:
            return None  # the number of a site, an isotope or a charge
        values = [float(number.rstrip("%")) / (100 if number.endswith("%") else 1) for number in numbers]
        if all(number.isdigit() for number in numbers):
            if sum(values) != 100:
                return None
            values = [value / 100 for value in values]
        shares: Shares = {}
        for match, value in zip(parts, values, strict=True):
            symbol = ISOTOPES.get(match[element], match[element])
            if symbol not in NAMES and not VACANCY.fullmatch(symbol):
                return None
            shares[symbol] = shares.get(symbol, 0.0) + value
        return shares
    return None
