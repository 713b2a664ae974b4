"""What a ranking of candidates decides: one crystal, several that cannot be told apart, or none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lacbed_gan.crystal.formulas import conventional_formula
from lacbed_gan.predict.identification.search import Scored

# More than twice the most (0.0011) that right crystals of 18 calculated patterns of the validation part left, most of
# them heavy, which is what the noise is known to (experiments/identification).
RIGHT = 0.0025  # share of variance beyond noise that right crystals of calculated patterns leave
MEASURED = 0.12  # and those of SrTiO₃ and GaAs of measured ones, whose bonds, vibration and camera are not calculated
ALIKE = 1.7  # times the best one's share: candidates up to there may be right as well
OF_CALCULATION = 0.01  # from here on candidates known from experiment come first; chosen with measured SrTiO₃ in view
LEAST = 0.0015  # share of variance that counts as nothing: errors of the calculation, B and the cell edge
# A fifth of 28 crystals that were taken out of the table had another that left no more than right ones do
UNLISTED = "A crystal that is not among them may leave as little where it scatters nearly alike."
DECIDED, INSEPARABLE, NONE = "decided", "cannot be told apart", "none fits"


@dataclass(frozen=True)
class Verdict:
    """What follows from the agreement of the candidates.

    Attributes:
        kind: ``decided``, ``cannot be told apart`` or ``none fits``, for a pattern that is calculated, or was measured
            as well as one can be calculated.
        if_measured: the same for a measured one, of which calculations leave more.
        text: one or two sentences.
        alike: how many candidates may be right, the first ones of `order`.
        order: all that were calculated with all pixels, the likeliest first. Where the calculation's own errors are
            what they differ by, those known from experiment come before others.
        decisiveness: share of variance that the best candidate outside of the alike ones leaves beyond noise, over
            that of the best one.
        unexplained: share that the best candidate leaves beyond the noise.
        noise: share of the images' variance that is noise.
    """

    kind: str
    if_measured: str
    text: str
    alike: int
    order: list[Scored]
    decisiveness: float
    unexplained: float
    noise: float


def judge(
    best: Sequence[Scored], noise: float, is_known: Callable[[Scored], bool], limit: float | None = None
) -> Verdict:
    """The verdict on candidates, sorted by the share of variance that they leave.

    Args:
        noise: mean share of the images' variance that is noise.
        is_known: whether a candidate is known from experiment, or the user's own.
        limit: share of variance beyond noise from which a candidate does not fit; None: `RIGHT` and `MEASURED`.
    """
    shares = [max(one.fit.unexplained - noise, 0.0) for one in best]
    first = shares[0]
    bound = ALIKE * first + LEAST
    alike = [one for one, share in zip(best, shares, strict=True) if share <= bound]
    others = [share for share in shares if share > bound]
    decisiveness = (min(others) + LEAST) / (first + LEAST) if others else 1.0
    by_experiment = first > OF_CALCULATION and len({is_known(one) for one in alike}) > 1
    if by_experiment:
        alike.sort(key=lambda one: not is_known(one))  # stable
    order = [*alike, *best[len(alike) :]]
    formulas = [f"{conventional_formula(one.crystal.formula)} ({one.fit.thickness:.0f} nm)" for one in alike]
    names = ", ".join(formulas[:6]) + (", …" if len(alike) > 6 else "")
    numbers = f"the best one leaves {first:.2%} of the variance beyond noise"
    if len(alike) == 1:
        kind, says = DECIDED, f"{names}: it leaves {first:.2%} of the variance beyond noise"
        says += (
            f", the next candidate {decisiveness:.1f} times as much." if others else "; there is no other candidate."
        )
    else:
        rule = "; those known from experiment come first" if by_experiment else ""
        kind, says = INSEPARABLE, f"It does not decide: {len(alike)} candidates cannot be told apart ({names}{rule})"
        says += f"; {numbers}."
    says = f"{says} {UNLISTED}"
    none = f"None fits: {numbers}. The crystal is not among the candidates, or a, angles or thickness are others."
    if limit is not None:
        text, kind, if_measured = (none, NONE, NONE) if first > limit else (says, kind, kind)
    elif first <= RIGHT:
        text, if_measured = says, kind
    elif first <= MEASURED:
        text = (
            f"{says} Of a measured pattern the right crystal leaves up to {MEASURED:.0%}; if this is a calculated one, "
            f"none fits, since the right crystal leaves {RIGHT:.1%} at most."
        )
        kind, if_measured = NONE, kind
    else:
        text, kind, if_measured = none, NONE, NONE
    return Verdict(kind, if_measured, text, len(alike), order, decisiveness, first, noise)
