"""What weak beams beyond a cut-off do to those within, to second order: Bethe's potentials, averaged over a window."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from lacbed_gan.diffraction.beams import Beams

# Energy in 1/Å² about which a weak beam may have that of the direct beam without becoming a strong one
RESONANCE = 0.3


def dressed(beams: Beams, more: Beams, k: Tensor) -> Beams:
    """The beams with Σ_q U_gq U_qh ⟨1/d_q⟩ added to their coupling, q among those that `more` has beyond them.

    d_q = |q|² + 2 k·q is how far beam q is from diffracting; 1/d is taken as d/(d² + `RESONANCE`²), which passes
    through zero where the beam becomes strong, and its mean over the directions k stands for all of them.

    Args:
        beams: N beams.
        more: the same and others, by rising |g|.
        k: (P, 2) float64 in 1/Å, directions with the symmetry of the crystal.
    """
    inside, beyond = more.hk[: len(beams)], more.hk[len(beams) :]
    g = more.g[len(beams) :]
    away = g.square().sum(1)[:, None] + 2 * g @ k.T
    inverse = (away / (away.square() + RESONANCE**2)).mean(1)
    coupling = more.between(inside, beyond)
    return replace(beams, dressing=(coupling * inverse) @ coupling.mT.conj())
