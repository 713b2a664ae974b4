"""What tells that training goes wrong."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lacbed_gan.base.errors import UserError


class DivergenceError(UserError):
    """A loss or a measure is not finite any more."""


def require_finite(values: dict[str, Tensor], when: str) -> None:
    """DivergenceError that names the scalars which are not finite, and when that was."""
    if not values or torch.stack([value.detach() for value in values.values()]).isfinite().all():
        return
    bad = ", ".join(f"{name} is {value.item()}" for name, value in values.items() if not value.isfinite())
    raise DivergenceError(
        f"training stopped in {when}: {bad}; lower the learning rate, or look for bad images in the data"
    )


def gradient_norm(network: nn.Module) -> Tensor:
    """Euclidean norm of the gradients of all its weights, a scalar."""
    return nn.utils.get_total_norm([p.grad for p in network.parameters() if p.grad is not None])
