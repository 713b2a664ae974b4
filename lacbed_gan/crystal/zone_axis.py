"""The direction a crystal is seen along, and the net of reciprocal vectors normal to it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lacbed_gan.crystal.plane_symmetry import ALONG_C, Basis
from lacbed_gan.crystal.site import CrystalError

if TYPE_CHECKING:
    from lacbed_gan.crystal.crystal import Crystal

Indices = tuple[int, int, int]

EQUAL = 1e-6  # relative, of squares of lengths that metric coincidence or symmetry makes equal
LARGEST = 1000  # index
DENOMINATORS = range(1, 97)  # of indices in the crystal's axes: a supercell of the source has as many cells


@dataclass(frozen=True)
class ZoneAxis:
    """A direction [uvw] of a crystal and the reflections of its zone, all indices in the crystal's own axes.

    Attributes:
        uvw: without a common divisor.
        basis: Miller indices of b₁ and b₂, a reduced basis of all hkl with hu + kv + lw = 0: |b₁| ≤ |b₂|, 60 to 90°
            apart; where an x axis asks for it, |b₁| > |b₂|.
        x_axis: Miller indices of what is along x of images, b₁ unless another was asked for; y is zone × x.
    """

    uvw: Indices = (0, 0, 1)
    basis: Basis = ALONG_C
    x_axis: Indices = (1, 0, 0)

    @classmethod
    def of(cls, crystal: Crystal, zone: Sequence[int], x_axis: Sequence[int] | None = None) -> ZoneAxis:
        """That of a crystal; see :meth:`lacbed_gan.crystal.Crystal.along`."""
        u, v, w = _integers(zone, "zone", "u, v, w")
        if len(zone) == 4:
            _require_hexagonal(crystal, zone, "zone")
            u, v, w = 2 * u + v, 2 * v + u, _integers(zone, "zone", "")[-1]
        uvw = _coprime(crystal.basis.direction((u, v, w)), f"zone {_text(zone)}")
        metric = crystal.reciprocal_metric
        if x_axis is None:
            basis = next(_bases(uvw, metric))
            return cls(uvw, basis, basis[0])
        x = _coprime(crystal.basis.hkl(miller(crystal, x_axis, "x_axis")), f"x_axis {_text(x_axis)}")
        if np.dot(x, uvw) != 0:
            raise CrystalError(
                f"x_axis {_text(x_axis)} is not normal to the zone axis {_text(zone)}; "
                "give a reflection with hu + kv + lw = 0"
            )
        along = next((basis for basis in _bases(uvw, metric, any_order=True) if basis[0] == x), None)
        return cls(uvw, along or next(_bases(uvw, metric)), x)

    @property
    def is_turned(self) -> bool:
        """Whether x is not along b₁."""
        return self.x_axis != self.basis[0]

    @property
    def handedness(self) -> int:
        """1 where b₂ is on the side of y = zone × x, −1 where it is on the other."""
        return 1 if np.dot(np.cross(*self.basis), self.uvw) > 0 else -1


ALONG_001 = ZoneAxis()


def miller(crystal: Crystal, hkl: Sequence[int], what: str = "reflection") -> Indices:
    """Three indices of a reflection given by three, or by four h, k, i, l where the source's axes are hexagonal.

    Raises:
        CrystalError: other numbers.
    """
    h, k, last = _integers(hkl, what, "h, k, l")
    if len(hkl) == 4:
        _require_hexagonal(crystal, hkl, what)
    return h, k, last


def reflection(crystal: Crystal, hkl: Sequence[int]) -> tuple[int, int]:
    """h and k in the net of the crystal's zone of a reflection given in the axes of its source.

    Raises:
        CrystalError: it is no reflection of the crystal, or of another zone.
    """
    own = crystal.basis.hkl(miller(crystal, hkl))
    rounded = np.rint(own).astype(int)
    if np.abs(own - rounded).max() > 1e-4:
        raise CrystalError(f"reflection {_text(hkl)} is none of the crystal, whose own cell is smaller")
    basis = np.asarray(crystal.view.basis)
    if np.dot(rounded, crystal.view.uvw) != 0:
        raise CrystalError(
            f"reflection {_text(hkl)} is not in the zone {_text(source_direction(crystal))}, where hu + kv + lw = 0"
        )
    h, k = np.rint(rounded @ np.linalg.pinv(basis)).astype(int).tolist()
    return h, k


def source_direction(crystal: Crystal) -> Indices:
    """The zone axis in the axes of the crystal's source."""
    return _coprime(np.asarray(crystal.basis.matrix) @ crystal.view.uvw, "zone")


def source_reflection(crystal: Crystal, hkl: Indices) -> tuple[float, float, float]:
    """Miller indices in the axes of the crystal's source."""
    h, k, last = (float(x) for x in np.round(hkl @ np.linalg.inv(crystal.basis.matrix), 6) + 0.0)
    return h, k, last


def _bases(uvw: Indices, metric: NDArray[np.float64], any_order: bool = False) -> Iterator[Basis]:
    """Reduced bases of the net normal to a direction, the best first.

    That is the one with the shortest b₁ and b₂, b₂ on the side of zone × b₁ where both are possible, and of those that
    are alike the one whose b₁ has the largest h, then k, then l.

    Args:
        any_order: also those with |b₁| > |b₂|.
    """
    first, second = _gauss(*_kernel(uvw), metric)
    vectors = [i * first + j * second for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j]
    squared = {tuple(v): float(v @ metric @ v) for v in vectors}
    ranked = []
    for p in vectors:
        for q in vectors:
            pp, qq, pq = squared[tuple(p)], squared[tuple(q)], float(p @ metric @ q)
            side = np.dot(np.cross(p, q), uvw) / np.dot(uvw, uvw)
            if abs(abs(side) - 1) > 1e-6 or pq < -EQUAL * pp or 2 * pq > min(pp, qq) * (1 + EQUAL):
                continue
            if pp > qq * (1 + EQUAL) and not any_order:
                continue
            order = (_rank(pp, squared.values()), _rank(qq, squared.values()), side < 0, *(-p).tolist(), *(-q).tolist())
            ranked.append((order, p, q))
    for _, p, q in sorted(ranked, key=lambda one: one[0]):
        yield _indices(p), _indices(q)


def _rank(value: float, values: Iterable[float]) -> int:
    """How many of some values are smaller, beyond rounding."""
    return sum(other < value * (1 - EQUAL) for other in values)


def _kernel(uvw: Indices) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Two vectors that generate all hkl with hu + kv + lw = 0."""
    u, v, w = uvw
    d = math.gcd(u, v)
    if d == 0:
        return np.array([1, 0, 0]), np.array([0, 1, 0])
    # (v, −u, 0)/d, and w·(p, q, 0) − (0, 0, d) with p u + q v = d, divided by gcd(w, d) = 1
    p, q = _bezout(u, v)
    return np.array([v // d, -u // d, 0]), np.array([w * p, w * q, -d])


def _bezout(a: int, b: int) -> tuple[int, int]:
    """p, q with p a + q b = gcd(a, b)."""
    old, new = (a, 1, 0), (b, 0, 1)
    while new[0]:
        n = old[0] // new[0]
        old, new = new, (old[0] - n * new[0], old[1] - n * new[1], old[2] - n * new[2])
    sign = 1 if old[0] > 0 else -1
    return sign * old[1], sign * old[2]


def _gauss(
    b: NDArray[np.int64], c: NDArray[np.int64], metric: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The shortest basis of the net of two vectors, by Gauss's reduction."""
    while True:
        if b @ metric @ b > c @ metric @ c:
            b, c = c, b
        n = round(float(b @ metric @ c) / float(b @ metric @ b))
        if n == 0 or (c - n * b) @ metric @ (c - n * b) >= (c @ metric @ c) * (1 - 1e-9):
            return b, c
        c = c - n * b


def _integers(values: Sequence[int], what: str, names: str) -> Indices:
    """First, second and last of three or four whole numbers."""
    numbers = list(values) if isinstance(values, Sequence | np.ndarray) and not isinstance(values, str) else []
    whole = [int(x) for x in numbers if isinstance(x, int | float | np.number) and float(x).is_integer()]
    if len(whole) not in (3, 4) or len(whole) != len(numbers):
        raise CrystalError(
            f"{what} {values} is not three whole numbers {names or 'u, v, w'}, or four of hexagonal axes"
        )
    if max(map(abs, whole)) > LARGEST:
        raise CrystalError(f"{what} {_text(values)} has an index beyond {LARGEST}")
    total = whole[0] + whole[1] + whole[2]
    if len(whole) == 4 and total:
        raise CrystalError(f"{what} {_text(values)} is no four-index one: the first three add up to {total}, not 0")
    return whole[0], whole[1], whole[-1]


def _coprime(values: NDArray[np.float64], what: str) -> Indices:
    """Whole numbers without a common divisor in the ratios of some numbers."""
    for n in DENOMINATORS:
        scaled = np.asarray(values) * n
        rounded = np.rint(scaled)
        if np.abs(scaled - rounded).max() < 1e-4 * n:
            u, v, w = (int(x) for x in rounded)
            divisor = math.gcd(u, v, w)
            if divisor == 0:
                raise CrystalError(f"{what} is no direction")
            return u // divisor, v // divisor, w // divisor
    raise CrystalError(f"{what} is no direction of low indices in the crystal's own cell")


def _require_hexagonal(crystal: Crystal, values: Sequence[int], what: str) -> None:
    lattice = np.linalg.inv(np.asarray(crystal.basis.matrix)).T @ crystal.lattice  # of the source
    metric = lattice @ lattice.T
    a = metric[0, 0]
    expected = np.array([[a, -a / 2, 0], [-a / 2, a, 0], [0, 0, metric[2, 2]]])
    if np.abs(metric - expected).max() > 1e-3 * metric.max():
        raise CrystalError(f"{what} {_text(values)} has four indices, but its axes are not hexagonal; give three")


def _indices(vector: NDArray[np.int64]) -> Indices:
    h, k, last = vector.tolist()
    return h, k, last


def _text(values: Sequence[int]) -> str:
    return " ".join(f"{x:g}" for x in values)
