"""Networks whose answers have, exactly, the symmetry that every answer is known to have."""

from __future__ import annotations

from torch import Tensor, nn

from lacbed_gan.images.symmetry import MIRRORS, TWO_FOLD, fold

SYMMETRIES = {"none": (), "2": TWO_FOLD, "2mm": MIRRORS}  # generators
SPACES = ("angle", "real")


class Symmetrised(nn.Module):
    """A generator and the mean of its answer over a symmetry group.

    Every pattern has a two-fold axis, P[i, j] = P[n−1−i, n−1−j], and of a cubic crystal along [001] it has two mirror
    lines too, P[i, j] = P[n−1−i, j] = P[i, n−1−j]. ρ with a canonical origin has a two-fold axis on pixel (0, 0),
    ρ[i, j] = ρ[−i mod n, −j mod n]; of many crystals it has no mirror lines, or has them elsewhere.

    Args:
        generator: called as generator(image, condition).
        symmetry: "none", "2" or "2mm", of what the generator answers.
        space: "angle" for patterns, where index i goes to n − 1 − i; "real" for ρ, where it goes to −i mod n.

    Raises:
        ValueError: a symmetry or a space of another name.
    """

    def __init__(self, generator: nn.Module, symmetry: str, space: str) -> None:
        super().__init__()
        if symmetry not in SYMMETRIES:
            raise ValueError(f"symmetry is {', '.join(SYMMETRIES)}, not {symmetry}")
        if space not in SPACES:
            raise ValueError(f"space is {' or '.join(SPACES)}, not {space}")
        self.generator, self.symmetry, self.space = generator, symmetry, space

    def forward(self, image: Tensor, condition: Tensor | None = None) -> Tensor:
        """As the generator: (B, C, H, W) and (B, conditions) or None → (B, C, H, W), symmetric."""
        return symmetrised(self.generator(image, condition), self.symmetry, self.space)


def symmetrised(images: Tensor, symmetry: str, space: str) -> Tensor:
    """The mean of images (..., H, W) over a symmetry group; names as in `Symmetrised`."""
    return fold(images, SYMMETRIES[symmetry], periodic=space == "real")
