"""Chemical formulas as chemists write them: SrTiO3, not O3SrTi."""

from __future__ import annotations

import re

# Least electronegative first, by IUPAC's sequence of the elements (Nomenclature of Inorganic Chemistry 2005, table VI).
SEQUENCE = """
Rn Xe Kr Ar Ne He Fr Cs Rb K Na Li Ra Ba Sr Ca Mg Be Lr No Md Fm Es Cf Bk Cm Am Pu Np U Pa Th Ac Lu Yb Tm Er Ho Dy Tb
Gd Eu Sm Pm Nd Pr Ce La Y Sc Rf Hf Zr Ti Db Ta Nb V Sg W Mo Cr Bh Re Tc Mn Hs Os Ru Fe Mt Ir Rh Co Ds Pt Pd Ni Rg Au Ag
Cu Cn Hg Cd Zn Nh Tl In Ga Al B Fl Pb Sn Ge Si C Mc Bi Sb As P N H D Lv Po Te Se S O Ts At I Br Cl F
""".split()
PLACE = {element: place for place, element in enumerate(SEQUENCE)}
TERM = re.compile(r"([A-Z][a-z]?)([\d.]*)")
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def conventional_formula(formula: str) -> str:
    """The terms of a formula with the least electronegative element first.

    >>> [conventional_formula(formula) for formula in ("O3SrTi", "AsGa", "CaF2", "Al2MgO4", "ClNa", "Si")]
    ['SrTiO3', 'GaAs', 'CaF2', 'MgAl2O4', 'NaCl', 'Si']
    """
    terms = TERM.findall(formula)
    if "".join(element + count for element, count in terms) != formula or any(e not in PLACE for e, _ in terms):
        return formula  # of another form
    return "".join(element + count for element, count in sorted(terms, key=lambda term: PLACE[term[0]]))


def printed_formula(formula: str) -> str:
    """A formula with subscripts.

    >>> printed_formula("O3SrTi")
    'SrTiO₃'
    """
    return conventional_formula(formula).translate(SUBSCRIPTS)
