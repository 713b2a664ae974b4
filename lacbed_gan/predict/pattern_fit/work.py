"""How much a fit has calculated. What it may do is counted, so that it finds the same on slow and quick cores."""

from __future__ import annotations

import math
from dataclasses import dataclass

# Seconds, about, of a slow core: to make a potential ready, for a pattern of it, and for each direction and element of
# its matrices; what derivatives take over a pattern; and to read a known structure
READY, PATTERN, ELEMENT, DERIVATIVES, STRUCTURE = 0.01, 0.003, 1e-8, 10, 0.03


@dataclass(eq=False)
class Work:
    """Counted in the seconds that it takes, about, of a slow core.

    Attributes:
        allowed: in all.
        done: so far.
    """

    allowed: float = math.inf
    done: float = 0.0

    def beyond(self, share: float) -> bool:
        """Whether more than this share of what is allowed is done."""
        return self.done > share * self.allowed

    def add_patterns(self, directions: int, elements: int, strengths: int = 1) -> None:
        """Patterns of a potential at some directions and strengths, by matrices of so many elements."""
        self.done += READY + strengths * (PATTERN + ELEMENT * directions * elements)

    def add_derivatives(self, directions: int, elements: int) -> None:
        """Derivatives of one by all structure factors."""
        self.done += READY + DERIVATIVES * (PATTERN + ELEMENT * directions * elements)

    def add_structure(self) -> None:
        """A known structure that is read."""
        self.done += STRUCTURE
