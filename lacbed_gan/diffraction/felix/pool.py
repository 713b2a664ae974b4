"""FELIX's reflection pool, down to the rounding that decides its membership and order."""

from __future__ import annotations

import math

import numpy as np

from lacbed_gan.crystal.crystal import Crystal

WAVELENGTH = 0.025078928995  # Å at 200 kV, with the speed of light that FELIX has (2.99762458e8 m/s)
LAUE_TOLERANCE = 0.08  # largest ||K + g| − K| / |g| of a pool reflection, K along the zone axis


def pool_size(a: float) -> int:
    """Number of reflections, 000 included, that the published data set's input files ask for; a in Å."""
    if a < 4:
        return 250
    return 2500 if a > 14 else int(225 * a - 650)


def reflection_pool(crystal: Crystal) -> np.ndarray:
    """The reflections that FELIX considers, in its own order.

    Shells (s − 1)a* < |g| ≤ s·a* are filled in turn, h, k and l ascending, by every reflection that the
    centring allows and that lies near the Ewald sphere of a beam along [001], until the pool is full, in the
    middle of a shell; the pool is then sorted by |g|. Reflections lie exactly on shell limits and many share
    one |g|, so the numbers compared here carry FELIX's rounding: it decides who is in and in which order.

    Returns:
        (N, 3) int64 Miller indices, 000 first; N from :func:`pool_size`.
    """
    direct = _direct_vectors(crystal.a)
    reciprocal = _reciprocal_vectors(direct)
    # Rounding errors are set to zero here, but not in the microscope frame, where they move shell limits.
    reciprocal = np.where(np.abs(reciprocal) < 1e-9, 0.0, reciprocal)
    x = reciprocal[0] / math.sqrt(_dot(reciprocal[0], reciprocal[0]))
    z = direct[2] / math.sqrt(_dot(direct[2], direct[2]))
    frame = (x, np.cross(z, x), z)
    rotated = np.array([[_dot(axis, vector) for axis in frame] for vector in direct])
    pool = _fill_shells(pool_size(crystal.a), crystal.space_group[0], _reciprocal_vectors(rotated))
    return _sort_by_length(pool, reciprocal)


def _allowed(hkl: np.ndarray, centring: str) -> np.ndarray:
    """Which reflections (N, 3) the centring P, I or F leaves."""
    odd = hkl % 2
    if centring == "I":
        return odd.sum(-1) % 2 == 0
    if centring == "F":
        return (odd == odd[:, :1]).all(-1)
    return np.ones(len(hkl), bool)


def _direct_vectors(a: float) -> np.ndarray:
    """Rows A, B, C in Å of a cell edge read in single precision, with cos 90° = 6e-17 as it is computed."""
    a = float(np.float32(a))
    cosine = math.cos(90 * math.pi / 180)
    return np.array([[a, 0, 0], [a * cosine, a, 0], [a * cosine, a * (cosine - cosine**2), a]])


def _reciprocal_vectors(direct: np.ndarray) -> np.ndarray:
    """Rows a*, b*, c* in 2π/Å."""
    a, b, c = direct
    pairs = ((a, b, c), (b, c, a), (c, a, b))
    return np.array([2 * math.pi * np.cross(v, w) / _dot(v, np.cross(w, u)) for u, v, w in pairs])


def _dot(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    # Written out because a library's dot product may round otherwise (fused multiply and add).
    return u[..., 0] * v[..., 0] + u[..., 1] * v[..., 1] + u[..., 2] * v[..., 2]


def _vectors(hkl: np.ndarray, reciprocal: np.ndarray) -> np.ndarray:
    """g = h a* + k b* + l c*, (N, 3)."""
    return hkl[:, :1] * reciprocal[0] + hkl[:, 1:2] * reciprocal[1] + hkl[:, 2:] * reciprocal[2]


def _fill_shells(size: int, centring: str, reciprocal: np.ndarray) -> np.ndarray:
    """The first `size` allowed reflections near the Ewald sphere, shell by shell, unsorted."""
    beam = np.array([0.0, 0.0, 2 * math.pi / WAVELENGTH])
    width = float(np.sqrt(_dot(reciprocal, reciprocal)).min())
    pool, count, shell = [np.zeros((1, 3), np.int64)], 1, 0
    while count < size:
        shell += 1
        # ||K + g| − K| ≤ ε|g| limits |g_z| to ε|g| + g²/2K; one more index covers the rounding.
        reach_z = math.floor(LAUE_TOLERANCE * shell + shell**2 * width / (2 * beam[2])) + 1
        index, index_z = np.arange(-shell - 1, shell + 2), np.arange(-reach_z, reach_z + 1)
        hkl = np.stack([x.ravel() for x in np.meshgrid(index, index, index_z, indexing="ij")], -1)
        hkl = hkl[_allowed(hkl, centring)]
        g = _vectors(hkl, reciprocal)
        length = np.sqrt(_dot(g, g))
        inside = (length > (shell - 1) * width) & (length <= shell * width)
        hkl, g, length = hkl[inside], g[inside], length[inside]
        scattered = np.sqrt(_dot(g + beam, g + beam))
        near = np.abs(beam[2] - scattered) / length - LAUE_TOLERANCE < 1e-9
        pool.append(hkl[near][: size - count])
        count += len(pool[-1])
    return np.concatenate(pool)


def _sort_by_length(pool: np.ndarray, reciprocal: np.ndarray) -> np.ndarray:
    """Sort by |g| with diminishing increments N//2, N//4, … 1: equal lengths end in an order of their own."""
    g = _vectors(pool, reciprocal)
    squares = _dot(g, g).tolist()
    order = list(range(len(pool)))
    gap = len(pool) // 2
    while gap:
        for start in range(len(pool) - gap):
            i = start
            while i >= 0 and squares[order[i + gap]] < squares[order[i]]:
                order[i], order[i + gap] = order[i + gap], order[i]
                i -= gap
        gap //= 2
    return pool[order]
