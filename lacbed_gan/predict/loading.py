"""From a file of weights, or the shipped ones, to a predictor."""

from __future__ import annotations

from pathlib import Path

from lacbed_gan.models.shipped_weights import DIRECTIONS, shipped_file
from lacbed_gan.models.weights import load_weights
from lacbed_gan.predict.predictor import Predictor


def load(checkpoint: str | Path | None = None, direction: str = "forward", thickness: float | None = None) -> Predictor:
    """The networks of one file, ready to predict on the CPU.

    Args:
        checkpoint: a .safetensors file of weights, or last.ckpt of a run; None: the shipped weights.
        direction: ``forward`` or ``inverse``, of the shipped weights; a checkpoint has its own.
        thickness: in nm, of an inverse network that reads several, as the shipped one does; None: the one in its file,
            from which :meth:`Predictor.predict_potential` goes on to another that it is told.

    Raises:
        WeightsError: no such file, damaged, or of networks that this version cannot build.
        ValueError: a direction of another name.
        PredictionError: the network does not know the thickness.
    """
    if direction not in DIRECTIONS:
        raise ValueError(f"direction={direction} is not one of {', '.join(DIRECTIONS)}")
    predictor = Predictor(load_weights(shipped_file(direction) if checkpoint is None else checkpoint))
    if thickness is None:
        return predictor
    predictor.require_thickness([thickness])
    return predictor.of([thickness])
