"""The matrix A of a zone axis on the lattice of its beams, for so many beams that blocks of it would be too large."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from lacbed_gan.diffraction.beams import Beams
from lacbed_gan.diffraction.net import grid
from lacbed_gan.diffraction.operators.places import Places


class HalfFourierOperator:
    """v → A v for vectors (C, J, P, I): C crystals, J × I places for beams i c₁ + j c₂, P pixels.

    U is block Toeplitz: it depends on i − i′ and j − j′ alone. A Fourier transform over j, of a length that keeps
    both ends apart, turns it into one (I, I) matrix per frequency f, T_f[i − i′] = Σ_j U[i − i′, j] exp(−2πi f j/L).
    The transform is done by matrix products as well, which take far less time than the multiplications of an FFT
    although there are more of them.

    Args:
        beams: of C crystals. The direct beam is in the middle of the grid; places outside |g| ≤ g_max stay empty.
        k: (C, P, 2) float64 in 1/Å.
    """

    def __init__(self, beams: Sequence[Beams], k: Tensor):
        self._places = places = Places(beams, k)
        rows, columns = places.rows, places.columns

        length = 2 * rows - 1
        frequency = torch.arange(rows, dtype=torch.float64)
        difference = torch.arange(1 - rows, rows)
        steps = torch.from_numpy(grid(columns - 1, rows - 1))
        # U at i c₁ + j c₂, (C, 2I − 1, 2J − 1)
        potential = torch.stack([each.at(steps @ torch.tensor(each.lattice.basis)) for each in beams])
        wave = torch.exp(-2j * math.pi / length * frequency * difference[:, None])
        spectrum = (potential.to(wave.dtype) @ wave).permute(0, 2, 1)  # (C, F, 2I − 1)
        index = torch.arange(columns)
        # Row vectors are multiplied from the left: row i′, column i holds T_f[i − i′].
        blocks = spectrum[..., index[None] - index[:, None] + columns - 1]
        self._real, imaginary = (part.float().to(k.device) for part in (blocks.real, blocks.imag))
        # Where a mirror line runs along an axis of the lattice, every T_f is real.
        self._imaginary = imaginary if imaginary.abs().max() > 1e-6 * self._real.abs().max() else None

        angle = 2 * math.pi / length * frequency[:, None] * (torch.arange(rows, dtype=torch.float64) - places.reach)
        waves = torch.stack([angle.cos(), -angle.sin()], 1)  # (F, 2, J): real and imaginary part
        self._forward = waves.flatten(0, 1).float().to(k.device)
        waves[1:] *= 2  # frequencies f and −f, but for f = 0
        self._backward = (waves.flatten(0, 1).T / length).float().contiguous().to(k.device)

    def start(self) -> Tensor:
        """The direct beam."""
        v = torch.zeros_like(self._places.diagonal)
        v[:, v.shape[1] // 2, :, v.shape[3] // 2] = 1
        return v

    def add_to(self, out: Tensor, v: Tensor) -> None:
        """out += A v; both zero in empty places."""
        crystals, rows, pixels, columns = v.shape
        spectrum = torch.matmul(self._forward, v.flatten(2))  # (C, 2F, P·I)
        real = self._real.flatten(0, 1)
        if self._imaginary is None:
            product = torch.bmm(spectrum.view(crystals * rows, 2 * pixels, columns), real)
        else:
            parts = spectrum.view(crystals * rows, 2, pixels, columns)
            product = torch.empty_like(parts)
            imaginary = self._imaginary.flatten(0, 1)
            torch.bmm(parts[:, 0], real, out=product[:, 0]).baddbmm_(parts[:, 1], imaginary, alpha=-1)
            torch.bmm(parts[:, 1], real, out=product[:, 1]).baddbmm_(parts[:, 0], imaginary)
        out.flatten(2).baddbmm_(self._backward.expand(crystals, -1, -1), product.view(crystals, 2 * rows, -1))
        out.mul_(self._places.present).addcmul_(self._places.diagonal, v)

    def per_pixel(self, x: Tensor) -> Tensor:
        """(C, P) → a shape that broadcasts with vectors."""
        return x[:, None, :, None]

    def sum_over_beams(self, x: Tensor) -> Tensor:
        """Vectors → (C, P)."""
        return x.sum(1).sum(-1)

    def functionals(self, reflections: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """(C, G) places of the beams asked for; −1 is one that is not there."""
        return (self._places.of(reflections),)

    def components(self, v: Tensor, functionals: tuple[Tensor, ...]) -> Tensor:
        """⟨g|v⟩ of the beams asked for: (C, G, P)."""
        (place,), columns = functionals, v.shape[3]
        crystal = torch.arange(len(v), device=v.device)[:, None]
        return v[crystal, place // columns, :, place % columns] * (place >= 0)[..., None]

    def keep(self, crystals: Tensor) -> None:
        """Go on with some of the crystals only."""
        self._places.keep(crystals)
        self._real = self._real[crystals]
        self._imaginary = None if self._imaginary is None else self._imaginary[crystals]
