"""How long a network takes for a prediction."""

from __future__ import annotations

import time

import numpy as np
import torch

from lacbed_gan.models.inference import predict
from lacbed_gan.report.collect import Group, Run
from lacbed_gan.report.predicted import load_network

BATCHES = (1, 64)
REPEATS, SECONDS = 20, 10.0  # repeats end when either is reached, after one at least


def timing_table(group: Group) -> list[dict[str, object]]:
    """One row a direction, device and batch size; the networks of all thicknesses and folds are alike.

    ``seconds`` is the median time of a batch, of ``repeats`` after one that is not counted; ``per_pattern``
    is that over the batch size, in seconds. float32, images on the device. A direction none of whose runs has
    a checkpoint has no row.

    Raises:
        Gap: a checkpoint cannot be read.
    """
    rows = []
    for direction in sorted({run.direction for run in group.runs}):
        run = next((run for run in group.runs if run.direction == direction and run.checksum), None)
        if run is not None:
            rows += [{"group": group.name, "direction": direction} | row for row in _time(run)]
    return rows


def _time(run: Run) -> list[dict[str, object]]:
    trained = load_network(run)
    settings, rows = trained.settings, []
    size, conditions = settings.size, settings.conditions
    channels = settings.input_channels // settings.model.channels  # grey images are repeated
    parameters = sum(parameter.numel() for parameter in trained.network.parameters())
    for device in ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",):
        generator = trained.network.to(device)
        threads = torch.get_num_threads()
        name = torch.cuda.get_device_name() if device == "cuda" else f"CPU ({threads} thread{'s' * (threads > 1)})"
        for batch in BATCHES:
            image = torch.rand(batch, channels, size, size, device=device)
            scale = torch.zeros(batch, conditions, device=device) if conditions else None
            with torch.inference_mode():
                times = _repeated(generator, image, scale, settings.model.channels)
            seconds = float(np.median(times))
            row = {"device": name, "batch": batch, "seconds": seconds, "per_pattern": seconds / batch}
            rows.append(row | {"repeats": len(times), "parameters": parameters, "size": size})
    return rows


def _repeated(
    generator: torch.nn.Module, image: torch.Tensor, scale: torch.Tensor | None, channels: int
) -> list[float]:
    times: list[float] = []
    while len(times) <= REPEATS and (len(times) < 2 or sum(times[1:]) < SECONDS):
        started = time.perf_counter()
        predict(generator, image, scale, channels)
        if image.is_cuda:
            torch.cuda.synchronize()
        times.append(time.perf_counter() - started)
    return times[1:]
