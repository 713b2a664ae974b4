"""Weights of networks that ship, in 8 bit: a quarter of the size."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

LEAST = 4096  # numbers of a matrix that is worth it
STEPS = 127
SCALE = ".scale"  # after the name of a matrix: what its numbers are multiples of, one for each row


def rounded(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Large matrices and kernels (n, …) in int8, as multiples of a 127th of each row's largest number.

    The others stay as they are. The error of a number is at most 1/254 of the row's largest one.
    """
    result = {}
    for name, values in tensors.items():
        if values.ndim < 2 or values.numel() < LEAST or values.dtype != torch.float32:
            result[name] = values
            continue
        scale = values.abs().flatten(1).amax(1).clamp_min(torch.finfo(torch.float32).tiny) / STEPS
        result[name] = (values / _beside(scale, values)).round().to(torch.int8)
        result[name + SCALE] = scale
    return result


def restored(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The float32 tensors of rounded ones.

    Raises:
        ValueError: the scale of one is missing or of another size.
    """
    result = {}
    for name, values in tensors.items():
        if values.dtype == torch.int8:
            scale = tensors.get(name + SCALE)
            if scale is None or scale.shape != values.shape[:1]:
                raise ValueError(f"{name} is in 8 bit without its scale")
            result[name] = values.float() * _beside(scale, values)
        elif not (name.endswith(SCALE) and name.removesuffix(SCALE) in tensors):
            result[name] = values
    return result


def _beside(scale: Tensor, values: Tensor) -> Tensor:
    return scale.view(-1, *[1] * (values.ndim - 1))
