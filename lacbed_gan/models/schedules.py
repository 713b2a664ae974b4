"""How the learning rate falls during training, and the moving average of the weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import get_ema_multi_avg_fn

WARM_UP = 0.03  # share of the steps in which the cosine schedule rises


def constant(progress: float) -> float:
    """The same all the time."""
    return 1.0


def linear(progress: float) -> float:
    """pix2pixHD's: constant for the first half, then down to 0."""
    return min(1.0, 2 * (1 - progress))


def cosine(progress: float) -> float:
    """A short linear rise, then half a cosine down to 0 (Loshchilov and Hutter, arXiv 1608.03983)."""
    if progress < WARM_UP:
        return progress / WARM_UP
    return 0.5 * (1 + math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP)))


SCHEDULES = {"constant": constant, "linear": linear, "cosine": cosine}


def scheduled(optimizer: torch.optim.Optimizer, schedule: str, steps: int) -> LambdaLR:
    """The schedule of that name over so many steps; each step k of 1 … steps gets its value at k/(steps + 1)."""
    return LambdaLR(optimizer, lambda step: SCHEDULES[schedule](min((step + 1) / (steps + 1), 1.0)))


def optimizers(
    sides: Sequence[tuple[Sequence[nn.Module], float, float]],
    betas: tuple[float, float],
    schedule: str,
    steps: Callable[[], int],
) -> Any:
    """AdamW for each group of networks with its learning rate, and their schedules, as Lightning takes them.

    Args:
        sides: networks, learning rate and weight decay, with 0 of which AdamW is Adam.
        steps: how many there will be; asked where the rate changes.
    """
    made: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(nn.ModuleList(group).parameters(), rate, betas, weight_decay=decay, fused=True)
        for group, rate, decay in sides
    ]
    if schedule == "constant":
        return made
    count = steps()
    return made, [{"scheduler": scheduled(optimizer, schedule, count), "interval": "step"} for optimizer in made]


def restate(schedule: LambdaLR) -> None:
    """Give the optimizer the schedule's value at its step, which a checkpoint of fewer steps had not."""
    for group, base, share in zip(schedule.optimizer.param_groups, schedule.base_lrs, schedule.lr_lambdas, strict=True):
        group["lr"] = base * share(schedule.last_epoch)


@torch.no_grad()
def average_weights(average: nn.Module, network: nn.Module, decay: float, step: int) -> None:
    """Move the average towards the network: w ← d·w + (1 − d)·v, with d = min(decay, (1 + step)/(10 + step)).

    The lower decay of the first steps forgets the initial weights, which short runs would otherwise average over.
    Buffers are copied.
    """
    decay = min(decay, (1 + step) / (10 + step))
    get_ema_multi_avg_fn(decay)(list(average.parameters()), list(network.parameters()), None)
    for kept, new in zip(average.buffers(), network.buffers(), strict=True):
        kept.copy_(new)


def clipped_step(optimizer: Any, most: float | None) -> None:
    """A step by gradients of at most this Euclidean norm, all of the optimizer's together; None for no limit."""
    if most is not None:
        nn.utils.clip_grad_norm_([p for group in optimizer.param_groups for p in group["params"]], most)
    optimizer.step()


def several(parts: Any) -> list[Any]:
    """Lightning gives one optimizer or scheduler as itself, and none as None."""
    return parts if isinstance(parts, list) else [parts] if parts else []
