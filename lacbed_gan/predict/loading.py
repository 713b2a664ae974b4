"""From a file of weights, or the shipped ones, to a predictor."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path

import numpy as np

from lacbed_gan.models.shipped_weights import DIRECTIONS, shipped_file, shipped_thicknesses
from lacbed_gan.models.weights import load_weights
from lacbed_gan.predict.predictor import Predictor


def load(
    checkpoint: str | Path | None = None, direction: str = "forward", thickness: float | Sequence[float] | None = None
) -> Predictor:
    """The networks of one file, ready to predict on the CPU.

    Args:
        checkpoint: a .safetensors file of weights, or last.ckpt of a run; None: the shipped weights.
        direction: ``forward`` or ``inverse``, of the shipped weights; a checkpoint has its own.
        thickness: in nm, where each has its own shipped network; None: the first, from which
            :meth:`Predictor.predict_potential` goes on to another that it is told.

    Raises:
        WeightsError: no such file, damaged, or of networks that this version cannot build.
        ValueError: a direction of another name.
    """
    if direction not in DIRECTIONS:
        raise ValueError(f"direction={direction} is not one of {', '.join(DIRECTIONS)}")
    if checkpoint is not None:
        return Predictor(load_weights(checkpoint))
    asked = () if thickness is None else np.atleast_1d(thickness).tolist()
    shipped = load_weights(shipped_file(direction, asked))
    return Predictor(shipped, shipped_thicknesses(direction), partial(_shipped, direction))


@cache
def _shipped(direction: str, thickness: float) -> Predictor:
    return load(None, direction, thickness)
