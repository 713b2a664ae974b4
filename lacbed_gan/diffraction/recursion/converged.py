"""LACBED intensities, exact within the cut-off of the beams: the recursion method."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from lacbed_gan.diffraction.beams import Beams
from lacbed_gan.diffraction.constants import wavelength
from lacbed_gan.diffraction.errors import CalculationError
from lacbed_gan.diffraction.recursion.core import CoreRecursion, FoldedRecursion, recursions
from lacbed_gan.diffraction.recursion.lanczos import Recursion
from lacbed_gan.diffraction.recursion.moments import moment_intensities
from lacbed_gan.diffraction.recursion.tridiagonal import diffracted_intensity, direct_beam_intensity

# Amplitude² at the end of a pixel's recursion above which it goes on; errors of intensity are up to 30 times it.
LEAK = 1e-6
DECAY = 0.07  # growth of the number of steps that makes the leak ten times smaller
GROWTH = 1.10  # of the number of steps from the first batch of pixels to the second, which has larger |k|
SPREAD = 1.02  # of it about what the batches before let expect
LOWEST = 1e-6  # of LEAK: below that the leak tells no more how many steps were too many
MARGIN = 0.08  # more steps than that, after a test that failed: another test costs as much as many steps
MOST_STEPS = 50_000  # far more than any cell that fits in memory takes
LONGEST = 200_000  # Å, whose recursion takes about so many steps
PROBES = 12  # pixels of a batch on which the recursion is tested for its end
GROUP = 32  # pixels that a core works on together
# Pixels of a batch on a CPU, where no blocks are used: at least so many, for efficient products; and as long as the
# numbers of one vector over beams and pixels are no more than CACHED more, for few calls.
PIXELS, CACHED = 128, 1 << 16
MANY = 1000  # beams, above which half as many pixels are enough
GPU_SHARE = 0.4  # of the free memory, for the arrays of a batch
TYPICAL_STEPS = 1000  # for the memory that T and the series of it will take


@torch.inference_mode()  # saves time on a CPU: the operations are many and small
def intensities(
    beams: Sequence[Beams],
    k: Tensor,
    thickness: Sequence[float],
    energy_kv: float = 200.0,
    reflections: Sequence[Tensor] | None = None,
    expected: int | None = None,
) -> tuple[Tensor, int]:
    """I_g(t) = |[exp(2πi t (√(k₀² + A) − k₀))]_g0|², A_gg = −(2 k_t·g + |g|²), A_gh = U_{g−h}, k₀² = K² − |k_t|².

    Forward scattering with nothing else neglected; no absorption and no higher-order Laue zones.

    Args:
        beams: of C crystals, best of similar number.
        k: (C, P, 2) float64 in 1/Å, (x, y) of k_t; neighbours should have similar |k|.
        thickness: T values in nm.
        reflections: of each crystal G indices into its beams, whose intensities are wanted beside that of the
            direct beam; −1 for one that is not among them and stays dark. They take several times longer than the
            direct beam alone.
        expected: a guess of the number of steps of the recursion, which saves tests.

    Returns:
        intensity: (C, 1 + G, T, P) float32 in [0, 1], the direct beam first.
        steps: about the number that all of the last pixels needed.

    Raises:
        CalculationError: the recursion does not settle, or the potential is not finite.
    """
    angstroms = [10.0 * t for t in thickness]
    if max(angstroms) > LONGEST:
        raise CalculationError(
            f"{max(thickness):g} nm are beyond what the calculation settles at, {LONGEST / 10:g} nm; "
            "take a thinner crystal"
        )
    wave_number = 1 / wavelength(energy_kv)
    if k.is_cuda and reflections is None and all(each.reflection is not None for each in beams):
        return moment_intensities(beams, k, angstroms, wave_number).clamp_(0, 1)[:, None], expected or 0
    start, pixels = recursions(beams, k.device, reflections)
    guess = Guess(expected)
    results = []
    for batch in k.split(_part(k.shape[1], pixels or _pixels_at_once(beams, k.device)), dim=1):
        recursion, farthest = start(batch), float(batch[:, -1].norm(dim=-1).max())
        following = guess.steps(farthest)
        if isinstance(recursion, Recursion):
            result, steps = _batch(recursion, batch, angstroms, wave_number, reflections, following)
        else:
            result, steps = _batch_of_one(recursion, batch, angstroms, wave_number, following)
        results.append(result)
        guess.learn(farthest, steps)
    intensity = torch.cat(results, -1).clamp_(0, 1)
    if reflections is not None:
        intensity[:, 1:][torch.stack(list(reflections)) < 0] = 0
    return intensity, steps


def _batch(
    recursion: Recursion,
    k: Tensor,
    angstroms: Sequence[float],
    wave_number: float,
    reflections: Sequence[Tensor] | None,
    expected: int | None,
) -> tuple[Tensor, int]:
    """Intensities (C, 1 + G, T, P), and about the number of steps that all pixels needed."""
    crystals, pixels, _ = k.shape
    offset = (k**2).sum(-1)  # (C, P)
    kinds = 1 + (0 if reflections is None else len(reflections[0]))
    intensity = torch.empty(crystals, kinds, len(angstroms), pixels, device=k.device)
    # What has not settled: `running` are the crystals left, `todo` (c, P) their pixels.
    running = torch.arange(crystals, device=k.device)
    todo = torch.ones(crystals, pixels, dtype=torch.bool, device=k.device)
    # Without a guess a few pixels of a crystal are tested time and again, and once they have settled all of them.
    probed = torch.full((crystals,), expected is not None, device=k.device)
    probe = torch.zeros_like(todo[0])
    probe[torch.linspace(0, pixels - 1, min(PROBES, pixels)).round().long()] = True
    # The amplitude of the direct beam at t comes from vectors at t/2, those of the other beams from vectors at t.
    followed = angstroms if reflections is None else [*angstroms, 2 * max(angstroms)]
    needed, test = 0.0, expected or _first_test(followed)
    while len(running):
        while recursion.steps < test:
            recursion.step()
        crystal, pixel = (todo & (probed[:, None] | probe)).nonzero(as_tuple=True)
        alpha, beta = recursion.tridiagonal(crystal, pixel)
        shift = offset[running[crystal], pixel]
        values, leak = direct_beam_intensity(alpha, beta, shift, wave_number, followed)
        settled = leak < LEAK
        intensity[running[crystal[settled]], 0, :, pixel[settled]] = values[: len(angstroms), settled].T
        todo[crystal[settled], pixel[settled]] = False
        if not needed and probed.any():
            needed = recursion.steps * _growth(leak.max())
        ready = ~probed & ~(todo & probe).any(1)
        probed |= ready
        done = ~todo.any(1)
        if ready.any() and not done.all():
            continue
        if done.any():
            which = done.nonzero().squeeze(1)
            if reflections is not None:
                intensity[running[which], 1:] = _diffracted(
                    recursion, which, offset[running[which]], angstroms, wave_number
                )
            running, todo, probed = running[~done], todo[~done], probed[~done]
            recursion.keep((~done).nonzero().squeeze(1))
        if recursion.steps > MOST_STEPS:
            raise CalculationError(f"the recursion of {recursion.beams} beams has not settled after {MOST_STEPS} steps")
        test = math.ceil(recursion.steps * (_growth(leak.max()) + MARGIN))
    return intensity, math.ceil(needed or recursion.steps)


def _batch_of_one(
    recursion: CoreRecursion | FoldedRecursion,
    k: Tensor,
    angstroms: Sequence[float],
    wave_number: float,
    expected: int | None,
) -> tuple[Tensor, int]:
    """Intensities (1, 1, T, P) of one crystal, and about the number of steps that all pixels needed.

    Pixels that have settled are left where they are; the others go on.
    """
    pixels = k.shape[1]
    offset = (k[0] ** 2).sum(-1)
    intensity = torch.empty(1, 1, len(angstroms), pixels)
    left = torch.arange(pixels)
    # Without a guess a few pixels are tested time and again, and once they have settled all of them.
    probes = torch.linspace(0, pixels - 1, min(PROBES, pixels)).round().long() if expected is None else left[:0]
    needed, test = 0.0, expected or _first_test(angstroms)
    while len(left):
        recursion.advance(test)
        chosen = probes if len(probes) else torch.arange(len(left))
        alpha, beta = recursion.tridiagonal(chosen)
        values, leak = direct_beam_intensity(alpha, beta, offset[left[chosen]], wave_number, angstroms)
        open_ = leak >= LEAK
        if len(probes):
            probes = probes[open_]
            if not len(probes):
                continue
        else:
            needed = needed or recursion.steps * _growth(leak.max(), LOWEST)
            intensity[0, 0, :, left[~open_]] = values[:, ~open_]
            left = left[open_]
            recursion.keep_pixels(open_)
        if recursion.steps > MOST_STEPS:
            raise CalculationError(f"the recursion of {recursion.beams} beams has not settled after {MOST_STEPS} steps")
        test = math.ceil(recursion.steps * (_growth(leak.max()) + MARGIN))
    return intensity, math.ceil(needed or recursion.steps)


def _first_test(angstroms: Sequence[float]) -> int:
    return math.ceil(0.1 * max(angstroms)) + 24


class Guess:
    """The number of steps that a batch of pixels will need, from those of batches with smaller |k|.

    Args:
        expected: that of the first one, where it is known.
    """

    def __init__(self, expected: int | None):
        self._expected = expected
        self._known: list[tuple[float, int]] = []

    def learn(self, farthest: float, steps: int) -> None:
        """A batch whose largest |k| is `farthest`, in 1/Å, needed so many."""
        self._known.append((farthest, steps))

    def steps(self, farthest: float) -> int | None:
        """What a batch whose largest |k| is `farthest` will need; None when nothing is known."""
        if not self._known:
            return self._expected
        k, steps = self._known[-1]
        if len(self._known) == 1:
            return math.ceil(GROWTH * steps)
        before, fewer = self._known[-2]
        slope = max(0.0, (steps - fewer) / max(k - before, 1e-9))
        return math.ceil(SPREAD * (steps + slope * max(farthest - k, 0.0)))


def _growth(leak: Tensor, lowest: float = 1e-2) -> float:
    """By how much more steps would bring the leak to LEAK; by how much fewer, down to so small a leak."""
    return 1 + DECAY * float((leak / LEAK).clamp_min(lowest).log10())


def _diffracted(
    recursion: Recursion, crystals: Tensor, offset: Tensor, angstroms: Sequence[float], wave_number: float
) -> Tensor:
    """Intensities (c, G, T, P) of the reflections asked for, of some crystals, all pixels."""
    count, pixels = offset.shape
    crystal = crystals.repeat_interleave(pixels)
    pixel = torch.arange(pixels, device=offset.device).repeat(count)
    alpha, beta = recursion.tridiagonal(crystal, pixel)
    components = recursion.components(crystal, pixel)
    intensity = diffracted_intensity(alpha, beta, components, offset.flatten(), wave_number, angstroms)
    return intensity.view(*intensity.shape[:2], count, pixels).permute(2, 0, 1, 3)


def _part(pixels: int, at_once: int) -> int:
    """Pixels of one of several parts of about equal size, full groups where there is more than one."""
    parts = max(1, round(pixels / at_once))
    return GROUP * math.ceil(pixels / parts / GROUP)


def _pixels_at_once(beams: Sequence[Beams], device: torch.device) -> int:
    """Pixels of a batch: as many as fit in a core's cache, or in the free memory of a GPU."""
    most = max(map(len, beams))
    if device.type == "cpu":
        return max(PIXELS if most <= MANY else PIXELS // 2, CACHED // most)
    free, _ = torch.cuda.mem_get_info(device)
    # Vectors: v, the one before, diagonal, scratch and four of the half-Fourier product; then T and its vectors.
    floats = 8 * 4 / math.pi * most + 10 * TYPICAL_STEPS
    return max(16, int(GPU_SHARE * free / (4 * floats * len(beams))))
