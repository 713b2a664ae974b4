"""B of atoms for which a source gives no displacement parameter."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class DrawnB:
    """A B drawn for each crystal, the same for all its atoms without one: B = low + (high − low)·u.

    u, uniform in [0, 1), is the last eight bytes of sha256("seed:name"), big-endian, over 2⁶⁴: that of a crystal does
    not depend on which others there are. (The first ones decide the order of `open_structures`, of which a part would
    have similar B.)

    Attributes:
        low, high: in Å².
    """

    low: float
    high: float
    seed: int = 0

    def of(self, name: str) -> float:
        """That of the crystal with this name, in Å²."""
        digest = hashlib.sha256(f"{self.seed}:{name}".encode()).digest()
        return self.low + (self.high - self.low) * (int.from_bytes(digest[-8:], "big") / 2**64)

    def __str__(self) -> str:
        return f"B drawn between {self.low:g} and {self.high:g} Å² for each crystal"


def default_b_iso(rule: float | DrawnB, name: str) -> float:
    """B in Å² of the atoms of a crystal for which none is given, by a number that holds for all or a draw."""
    return rule.of(name) if isinstance(rule, DrawnB) else rule
