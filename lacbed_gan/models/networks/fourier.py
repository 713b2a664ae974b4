"""A generator that reads and writes ρ as Fourier coefficients, so that every layer between sees the whole cell."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lacbed_gan.images.symmetry import MIRRORS, TWO_FOLD, fold, quadrant, unfold
from lacbed_gan.models.networks.sizes import check_inputs

SURE = 0.02  # a first answer nearer to 0 or 1 counts as so near: an error there must be able to be corrected
EMBEDDING = 64  # width of the embedded condition
# Divisors that make the coefficients of min–max scaled ρ of order one: ρ_hk by 0.015 exp(−√(h² + k²)/4.5), ρ_00 by 0.1.
MAGNITUDE, DECAY, MEAN = 0.015, 4.5, 0.1


class FourierGenerator(nn.Module):
    """Coefficients of ρ → dense layers → one quadrant of the pattern, or a quadrant → dense layers → coefficients.

    Every pixel of a pattern depends on all U_hk0, and only those of low order matter. In units of the reciprocal
    lattice a Bragg line lies at the same place in all patterns, so that what one coefficient does to a pattern can be
    learned as an image: that is what the dense layers do.
    A pattern of a cubic crystal along [001] has the symmetry 2mm: its four quadrants are mirror images, and only one
    is computed. Every pattern has a two-fold axis: of others one half is computed. Conditions scale and shift the
    features after every norm (FiLM, Perez et al., arXiv 1709.07871).
    2.1 M parameters at 64² with the default sizes, 3.3 M at 128².

    Args:
        image_size: side of the square images in pixels, an even number.
        in_channels, out_channels: channels of input and output image.
        conditions: numbers per image that condition the output, each of order one; 0 for none.
        potential: which image is ρ, the "input" (forward) or the "output" (inverse).
        order: largest |h| and |k| of the coefficients, or half the image's pixels less one, if that is smaller.
        width: of the dense layers.
        depth: number of dense residual blocks.
        quadrants: patterns have the symmetry 2mm, else 2.
        few_beams: forward only: the last input channel is the pattern of the beams up to this cut-off in 1/Å, as
            in :mod:`lacbed_gan.diffraction.few_beams`. The dense layers see it, and what they give corrects it.
        dark_fields: inverse only: so many of the input channels, the last ones, are dark fields, which have no such
            symmetry and are read whole.

    Raises:
        ValueError: the image size is odd, or there is no such side.
    """

    def __init__(
        self,
        image_size: int = 128,
        in_channels: int = 1,
        out_channels: int = 1,
        conditions: int = 0,
        potential: str = "input",
        order: int = 20,
        width: int = 384,
        depth: int = 3,
        quadrants: bool = True,
        few_beams: float | None = None,
        dark_fields: int = 0,
    ) -> None:
        super().__init__()
        if image_size < 4 or image_size % 2:
            raise ValueError(f"image_size is an even number from 4 up for the Fourier generator, not {image_size}")
        if potential not in ("input", "output"):
            raise ValueError(f"potential is input or output for the Fourier generator, not {potential}")
        self.image_size, self.conditions, self.in_channels, self.order = image_size, conditions, in_channels, order
        self.few_beams = few_beams
        order = min(order, image_size // 2 - 1)
        embedding = EMBEDDING if conditions else 0
        self.embed = nn.Sequential(nn.Linear(conditions, embedding), nn.SiLU()) if conditions else None
        if potential == "input":
            self.encoder = FromPotential(order)
            features = (in_channels - bool(few_beams)) * self.encoder.count
            self.decoder = ToPattern(image_size, out_channels, width, quadrants)
            if few_beams:
                self.first_answer = FromPattern(quadrants)
                features += self.decoder.quadrant.out_features
                nn.init.zeros_(self.decoder.quadrant.weight)  # training starts from the first answer
        else:
            features = (in_channels - dark_fields) * image_size**2 // (4 if quadrants else 2)
            dark = dark_fields * image_size**2
            self.encoder = FromPattern(quadrants, dark_fields, (features / dark) ** 0.5 if dark else None)
            features += dark
            self.decoder = ToPotential(image_size, out_channels, width, order)
        self.first = nn.Linear(features + embedding, width)
        self.blocks = nn.ModuleList(DenseBlock(width, embedding) for _ in range(depth))
        self.norm = nn.LayerNorm(width)

    def forward(self, image: Tensor, condition: Tensor | None = None) -> Tensor:
        """Image (B, in_channels, S, S) and (B, conditions) or None → (B, out_channels, S, S).

        Patterns are in [0, 1]; ρ, a sum of waves, can leave that range a little.

        Raises:
            ValueError: the image or the condition is not of the size the network was made for.
        """
        check_inputs(image, condition, self.image_size, self.conditions)
        if not self.few_beams:
            return self.decoder(self.features(self.encoder(image), condition))
        image, first = image[:, :-1], self.first_answer(image[:, -1:])
        x = self.features(torch.cat([self.encoder(image), first], dim=1), condition)
        return self.decoder(x, first / 4 + 0.5)

    def features(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Encoded images (B, F) and (B, conditions) or None → (B, width), what the decoder makes an answer of."""
        embedding = self.embed(condition) if self.conditions else None
        x = self.first(x if embedding is None else torch.cat([x, embedding], dim=1))
        for block in self.blocks:
            x = block(x, embedding)
        return F.silu(self.norm(x))


class FromPotential(nn.Module):
    """ρ (B, C, n, n) → real and imaginary parts of its Fourier coefficients, each of order one, (B, C · count).

    ρ_hk = n⁻² Σ ρ(r) exp(−2πi (h x + k y)) for |h| ≤ order, 0 ≤ k ≤ order; the others are their complex conjugates.
    """

    def __init__(self, order: int) -> None:
        super().__init__()
        self.order = order
        self.count = 2 * (2 * order + 1) * (order + 1)
        self.register_buffer("scale", coefficient_scale(order), persistent=False)

    def forward(self, potential: Tensor) -> Tensor:
        n = self.order
        waves = torch.fft.rfft2(potential.float(), norm="forward")[..., : n + 1]
        waves = torch.cat([waves[..., -n:, :], waves[..., : n + 1, :]], dim=-2)
        return torch.view_as_real(waves / self.scale).flatten(1)


class ToPotential(nn.Module):
    """Dense features (B, width) → ρ (B, C, n, n) by way of its Fourier coefficients; the inverse of `FromPotential`.

    The last layer starts at zero, so that training starts from an empty cell and not from waves in all directions.
    """

    def __init__(self, size: int, channels: int, width: int, order: int) -> None:
        super().__init__()
        self.size, self.order, self.channels = size, order, channels
        self.waves = nn.Linear(width, 2 * channels * (2 * order + 1) * (order + 1))
        nn.init.zeros_(self.waves.weight)
        nn.init.zeros_(self.waves.bias)
        self.register_buffer("scale", coefficient_scale(order), persistent=False)

    def coefficients(self, x: Tensor) -> Tensor:
        """(B, C, 2 order + 1, order + 1) complex64, h = −order … order in rows, k = 0 … in columns."""
        n = self.order
        parts = self.waves(x).float().view(-1, self.channels, 2 * n + 1, n + 1, 2)
        return torch.view_as_complex(parts) * self.scale

    def forward(self, x: Tensor) -> Tensor:
        n, waves = self.order, self.coefficients(x)
        between = waves.new_zeros(*waves.shape[:2], self.size - 2 * n - 1, n + 1)
        waves = torch.cat([waves[..., n:, :], between, waves[..., :n, :]], dim=-2)
        return torch.fft.irfft2(waves, s=(self.size, self.size), norm="forward")


class FromPattern(nn.Module):
    """Pattern (B, C, S, S) in [0, 1] → the mean of its quadrants or its halves, of order one, (B, C · S²/4 or S²/2).

    The last channels may be dark fields, of which all S² pixels are taken, times a weight with which they count no
    more than the bright fields do, however many there are.
    """

    def __init__(self, quadrants: bool = True, dark_fields: int = 0, dark_weight: float | None = None) -> None:
        super().__init__()
        self.quadrants, self.dark_fields = quadrants, dark_fields
        if dark_fields:
            self.register_buffer("dark_weight", torch.tensor(dark_weight or 1.0))

    def forward(self, pattern: Tensor) -> Tensor:
        bright, dark = pattern.split([pattern.shape[1] - self.dark_fields, self.dark_fields], 1)
        folded = fold(bright, MIRRORS if self.quadrants else TWO_FOLD)
        part = quadrant(folded) if self.quadrants else folded[..., folded.shape[-2] // 2 :, :]
        part = 4 * (part.flatten(1) - 0.5)
        return torch.cat([part, 4 * self.dark_weight * dark.flatten(1)], 1) if self.dark_fields else part


class ToPattern(nn.Module):
    """Dense features (B, width) → pattern (B, C, S, S) in [0, 1] with the symmetry 2mm, or 2, exactly."""

    def __init__(self, size: int, channels: int, width: int, quadrants: bool = True) -> None:
        super().__init__()
        self.quadrants = quadrants
        self.shape = (channels, size // 2, size // 2 if quadrants else size)
        self.quadrant = nn.Linear(width, channels * self.shape[1] * self.shape[2])

    def forward(self, x: Tensor, first: Tensor | None = None) -> Tensor:
        """With a first answer (B, C · S²/4 or S²/2) in [0, 1]: what the features add to its logits."""
        logits = self.quadrant(x)
        if first is not None:
            logits = logits + torch.logit(first, SURE)
        part = torch.sigmoid(logits).unflatten(1, self.shape)
        if self.quadrants:
            return unfold(part, 2 * self.shape[-1])
        return torch.cat([part.flip((-2, -1)), part], -2)


class DenseBlock(nn.Module):
    """x + two dense layers of its normalised, conditioned features: (B, width) → the same."""

    def __init__(self, width: int, embedding: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.film = nn.Linear(embedding, 2 * width) if embedding else None
        self.first, self.second = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x: Tensor, embedding: Tensor | None) -> Tensor:
        y = self.norm(x)
        if self.film is not None:
            scale, shift = self.film(embedding).chunk(2, dim=1)
            y = y * (1 + scale) + shift
        return x + self.second(F.silu(self.first(y)))


def coefficient_scale(order: int) -> Tensor:
    """(2 order + 1, order + 1) float32: the usual magnitude of ρ_hk, h = −order … order in rows, k = 0 … in columns."""
    h, k = torch.arange(-order, order + 1)[:, None], torch.arange(order + 1)
    scale = MAGNITUDE * torch.exp(-torch.hypot(h.float(), k.float()) / DECAY)
    return torch.where((h == 0) & (k == 0), MEAN, scale)
