"""An inverse network with more orders of ρ, which begin at zero, to go on training with.

python experiments/weights/order.py lacbed_gan/models/shipped/inverse.safetensors 31 FILE.safetensors
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import torch.nn.functional as F

from lacbed_gan.models.build import build_networks
from lacbed_gan.models.settings import NetworkSettings
from lacbed_gan.models.weights import Trained, load_weights, save_weights


def with_order(trained: Trained, order: int) -> Trained:
    """The same answers, with Fourier coefficients up to a higher order."""
    config = trained.config
    config["settings"]["model"]["generator"]["order"] = order
    networks = build_networks(NetworkSettings.of_run(config["settings"]))
    state = trained.network.state_dict()
    for name in [name for name in state if ".waves." in name]:
        old = trained.settings.model.generator.order
        more = order - old
        parts = state[name].unflatten(0, (2 * old + 1, old + 1, 2))  # h from −order, k from 0, real and imaginary
        beyond = [0, 0] * (parts.ndim - 2) + [0, more, more, more]  # from the last dimension to the first
        state[name] = F.pad(parts, beyond).flatten(0, 2)
    networks.generator.load_state_dict(state)
    networks.span_head.load_state_dict(trained.span_head.state_dict())
    return replace(Trained.of(networks, config), familiar=trained.familiar)


def main() -> None:
    source, order, output = sys.argv[1:]
    save_weights(Path(output), with_order(load_weights(source), int(order)))


if __name__ == "__main__":
    main()
