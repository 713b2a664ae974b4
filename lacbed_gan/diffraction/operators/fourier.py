"""The Hermitian matrix A of a zone axis without a two-fold axis, where U is complex."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from lacbed_gan.diffraction.beams import Beams
from lacbed_gan.diffraction.net import grid
from lacbed_gan.diffraction.operators.places import Places


class FourierOperator:
    """v → A v for vectors (C, J, P, I, 2): C crystals, J × I places for beams i c₁ + j c₂, P pixels, both parts.

    As :class:`HalfFourierOperator`, but all frequencies of a complex transform are there. Vectors are real arrays with
    two numbers a place, so that sums over products of them are the real parts of inner products, which α and β are.

    Args:
        beams: of C crystals. The direct beam is in the middle of the grid; places outside |g| ≤ g_max stay empty.
        k: (C, P, 2) float64 in 1/Å.
    """

    def __init__(self, beams: Sequence[Beams], k: Tensor):
        self._places = places = Places(beams, k)
        rows, columns = places.rows, places.columns

        length = 2 * rows - 1
        frequency = torch.arange(length, dtype=torch.float64)
        steps = torch.from_numpy(grid(columns - 1, rows - 1))
        # U at i c₁ + j c₂, (C, 2I − 1, 2J − 1), and its transform over j, (C, F, 2I − 1)
        potential = torch.stack([each.at(steps @ torch.tensor(each.lattice.basis)) for each in beams])
        angle = -2 * math.pi / length * frequency * torch.arange(1 - rows, rows)[:, None]
        wave = torch.polar(torch.ones_like(angle), angle)
        spectrum = (potential.to(wave.dtype) @ wave).permute(0, 2, 1)
        index = torch.arange(columns)
        # Row vectors are multiplied from the left: row i′, column i holds T_f[i − i′].
        blocks = spectrum[..., index[None] - index[:, None] + columns - 1]
        self._blocks = blocks.to(torch.complex64).to(k.device)
        angle = -2 * math.pi / length * frequency[:, None] * (torch.arange(rows, dtype=torch.float64) - places.reach)
        waves = torch.polar(torch.ones_like(angle), angle)  # (F, J)
        self._forward = waves.to(torch.complex64).to(k.device)
        self._backward = (waves.mH / length).to(torch.complex64).contiguous().to(k.device)

    def start(self) -> Tensor:
        """The direct beam."""
        diagonal = self._places.diagonal
        v = diagonal.new_zeros(*diagonal.shape, 2)
        v[:, v.shape[1] // 2, :, v.shape[3] // 2, 0] = 1
        return v

    def add_to(self, out: Tensor, v: Tensor) -> None:
        """out += A v; both zero in empty places."""
        crystals, rows, pixels, columns, _ = v.shape
        spectrum = torch.matmul(self._forward, torch.view_as_complex(v).flatten(2))  # (C, F, P·I)
        product = torch.bmm(spectrum.view(-1, pixels, columns), self._blocks.flatten(0, 1))
        total = torch.matmul(self._backward, product.view(crystals, 2 * rows - 1, -1))
        out.add_(torch.view_as_real(total).view_as(out)).mul_(self._places.present[..., None])
        out.addcmul_(self._places.diagonal[..., None], v)

    def per_pixel(self, x: Tensor) -> Tensor:
        """(C, P) → a shape that broadcasts with vectors."""
        return x[:, None, :, None, None]

    def sum_over_beams(self, x: Tensor) -> Tensor:
        """Vectors → (C, P)."""
        return x.sum(1).sum((-2, -1))

    def functionals(self, reflections: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """(C, G) places of the beams asked for; −1 is one that is not there."""
        return (self._places.of(reflections),)

    def components(self, v: Tensor, functionals: tuple[Tensor, ...]) -> Tensor:
        """⟨g|v⟩ of the beams asked for: (C, 2 G, P), the real parts and then the imaginary ones."""
        (place,), columns = functionals, v.shape[3]
        crystal = torch.arange(len(v), device=v.device)[:, None]
        parts = v[crystal, place // columns, :, place % columns] * (place >= 0)[..., None, None]  # (C, G, P, 2)
        return torch.cat([parts[..., 0], parts[..., 1]], 1)

    def keep(self, crystals: Tensor) -> None:
        """Go on with some of the crystals only."""
        self._places.keep(crystals)
        self._blocks = self._blocks[crystals]
