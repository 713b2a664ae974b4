"""Training by the error alone at a GPU's speed: all pairs on the device, one CUDA graph a step.

`lacbed_gan.train` takes some ten milliseconds for a step of a small network, nearly all of it spent on calling it. The
networks, the pairs, the losses and the schedule here are the same; there is no discriminator, no checkpoint and no log,
and where there is no GPU the steps are ordinary ones.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from crystals import VARIANT
from origins import coefficients, error_at_best_origin
from torch import Tensor

from lacbed_gan.commands.choices import begin_from, network_settings, prepare, start_of
from lacbed_gan.commands.config import composed
from lacbed_gan.data.references import familiarity
from lacbed_gan.data.sources import open_pairs
from lacbed_gan.images.scaling import to_unit
from lacbed_gan.measures.familiarity import Familiar
from lacbed_gan.models.build import Networks, build_gan
from lacbed_gan.models.inference import predict
from lacbed_gan.models.learning import LearningSettings
from lacbed_gan.models.losses import answered, span_term
from lacbed_gan.models.schedules import cosine
from lacbed_gan.models.weights import Trained, load_weights, save_weights
from lacbed_gan.running.resume import provenance

ALONE = ["trainer=cpu", "logger=csv", "model.discriminator=null"]
ALONE += ["model.loss_weights.adversarial=0", "model.loss_weights.feature_matching=0"]
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
AT_ONCE = 512  # images to be measured


class Fit:
    """A network of `lacbed_gan.train`'s settings, and its pairs.

    Args:
        words: settings of a training run.
        count: so many crystals of the training folds, at random; None for all.
        like: another fit of the same store, direction, thickness and order of ρ, to save reading its pairs again.
        without: formulas that are not trained on.
        origins: inverse only: the answer may have any of the origins on two-fold axes that the cell has; else the one
            that the pairs have.
        half: products of matrices are of bfloat16, which takes a CPU that has such half of the time.
    """

    def __init__(
        self,
        words: Sequence[str],
        count: int | None = None,
        like: Fit | None = None,
        without: Collection[str] = (),
        origins: bool = False,
        half: bool = False,
    ):
        settings = composed("train", [*ALONE, *words])
        pairs = open_pairs(settings.store, settings.plain()["data"], lambda codes: codes)
        start = start_of(settings)
        choices, self.data = prepare(settings, pairs, start)
        if like is None:
            self.data.setup()
        images = like.images if like else self.data._images
        images = replace(images, **self.data._numbers).to(DEVICE)  # standardised over these training rows
        self.images = self.data._images = images
        self.module = build_gan(network_settings(choices), LearningSettings.of_run(dict(choices))).to(DEVICE)
        self.module.config = {"settings": choices.plain() | {"group": "weights"}, "data": provenance(self.data)}
        if start:
            begin_from(start, self.module, network_settings(choices), settings.fold)
            name = Path(start.name).name  # a file that others can open knows no folder of this machine
            self.module.config["settings"]["start"] = name
            self.module.config["data"]["start"] = f"{name} ({start.checksum})"
        self.known = load_weights(start.name).familiar if start else None
        self.average = copy.deepcopy(self.module.generator).requires_grad_(False)
        self.forward = choices.direction == "forward"
        self.times = images.pattern.shape[1] if self.forward else 1
        self.nm = self.data.thicknesses
        index = self.data.store.index
        rows = [row for row in self.data.train_rows if index[row]["formula"] not in without]
        rows = np.random.default_rng(0).permutation(rows)
        self.rows = np.sort(rows[:count])
        self.origins, self.half = origins, half
        if origins:
            order = self.module.generator.generator.decoder.order
            parts = images.potential[:, 0].split(AT_ONCE)
            self.waves = like.waves if like else torch.cat([coefficients(to_unit(part), order) for part in parts])
        self.steps, self.seconds, self.epochs = 0, 0.0, 0.0

    def batch(self, items: Tensor) -> dict[str, Tensor]:
        """As `PairDataset` serves it, without a copy to the host."""
        images, rows, times = self.images, items // self.times, items % self.times
        condition = [] if images.condition is None else [images.condition[rows]]
        potential = to_unit(images.potential[rows])
        if self.forward:
            if images.few_beams is not None:
                potential = torch.cat([potential, to_unit(images.few_beams.flatten(0, 1)[items, None])], 1)
            batch = {"input": potential, "target": to_unit(images.pattern.flatten(0, 1)[items, None])}
            condition += [] if images.thickness is None else [images.thickness[times, None]]
        else:
            batch = {"input": to_unit(images.pattern[rows]), "target": potential}
            batch |= {} if images.span is None else {"span": images.span[rows]}
        return batch | ({"condition": torch.cat(condition, 1)} if condition else {})

    def loss(self, items: Tensor) -> Tensor:
        batch, module = self.batch(items), self.module
        if self.origins:
            generator = module.generator.generator
            features = generator.features(generator.encoder(batch["input"]), batch.get("condition"))
            answer = generator.decoder.coefficients(features)[:, 0].real
            error = error_at_best_origin(answer, self.waves[items // self.times])
            terms = {"loss_g_l2": module.loss_weights.l2 * error.mean()}
        else:
            _, terms = answered(module.generator, module.loss_weights, batch["input"], batch["target"], batch)
        if module.span_head is not None:
            number = module.span_head(batch["input"], batch.get("condition"))
            terms |= span_term(module.loss_weights, number, batch["span"])
        return torch.stack(list(terms.values())).sum()

    def run(
        self,
        seconds: float,
        epochs: float = torch.inf,
        rate: float = 3e-3,
        size: int = 128,
        decay: float = 0.0,
        ema: float = 0.998,
        seed: int = 0,
    ) -> Fit:
        """Train for so long, or so many epochs, whichever is over first; the learning rate falls to zero by then."""
        torch.manual_seed(seed)
        torch.set_float32_matmul_precision("high")
        parameters = [p for p in self.module.parameters() if p.requires_grad]
        cuda = DEVICE.type == "cuda"
        rates = torch.tensor(rate, device=DEVICE) if cuda else rate
        optimizer = torch.optim.AdamW(parameters, rates, (0.5, 0.999), weight_decay=decay, fused=True, capturable=cuda)
        everything = torch.from_numpy(self.rows)[:, None] * self.times + torch.arange(self.times)
        everything = everything.flatten().to(DEVICE)
        size = min(size, len(everything))
        items, keep = everything[:size].clone(), torch.tensor(0.0, device=DEVICE)
        step = self._step(optimizer, items, keep)
        most, started, k = epochs * len(everything) / size, time.monotonic(), 0
        order, place = everything, len(everything)
        while (progress := max((time.monotonic() - started) / seconds, k / most)) < 1:
            if place + size > len(everything):
                order, place = everything[torch.randperm(len(everything), device=DEVICE)], 0
            items.copy_(order[place : place + size])
            keep.fill_(min(ema, (1 + k) / (10 + k)))
            if cuda:
                rates.fill_(rate * cosine(progress))
            else:
                optimizer.param_groups[0]["lr"] = rate * cosine(progress)
            step()
            k, place = k + 1, place + size
            if cuda and k % 100 == 0:
                torch.cuda.synchronize()  # or the clock would run ahead of the work
        self.steps, self.seconds, self.epochs = k, time.monotonic() - started, k * size / len(everything)
        return self

    def _step(self, optimizer: torch.optim.Optimizer, items: Tensor, keep: Tensor):
        """One step on `items`, as a function; on a GPU a recorded graph of it."""
        average, current = list(self.average.parameters()), list(self.module.generator.parameters())

        def step() -> None:
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast(DEVICE.type, torch.bfloat16, enabled=self.half):
                loss = self.loss(items)
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                torch._foreach_mul_(average, keep)
                torch._foreach_add_(average, torch._foreach_mul(current, 1 - keep))

        if DEVICE.type == "cpu":
            return step
        before = copy.deepcopy((self.module.state_dict(), self.average.state_dict()))
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                step()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            step()
        for network, state in zip((self.module, self.average), before, strict=True):  # those steps do not count
            network.load_state_dict(state)
        for moments in optimizer.state.values():
            for values in moments.values():
                values.zero_()
        return graph.replay

    def real(self, rows: np.ndarray) -> np.ndarray:
        """Those of the rows whose crystals exist: no others are judged by."""
        index = self.data.store.index
        return np.array([row for row in rows if not index[row]["id"].startswith(VARIANT)])

    @torch.no_grad()
    def measure(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Each measure of each image, such as ``mse@50``, by the average of the weights."""
        network, found = self.average.eval(), {}
        deviation = self.data.standardisation.get("log_span", (0, 1))[1]
        for time_ in range(self.times):
            nm = self.nm[time_]
            for items in (torch.from_numpy(rows).to(DEVICE) * self.times + time_).split(AT_ONCE):
                batch = self.batch(items)
                answer = predict(network, batch["input"], batch.get("condition"), self.module.channels)
                values = {name: measure(answer, batch["target"]) for name, measure in self.module.measured.items()}
                if self.module.span_head is not None:
                    number = self.module.span_head(batch["input"], batch.get("condition"))
                    values["span_error"] = deviation * (number - batch["span"])[:, 0].abs()
                for name, value in values.items():
                    found.setdefault(f"{name}@{nm:g}", []).append(value.float().cpu().numpy())
        return {name: np.concatenate(values) for name, values in found.items()}

    @torch.no_grad()
    def mean_image(self, rows: np.ndarray) -> dict[str, float]:
        """MSE of the mean training target as the answer to everything."""
        targets = self.images.pattern if self.forward else self.images.potential
        train, test = (torch.from_numpy(x).to(DEVICE) for x in (self.rows, rows))
        result = {}
        for time_ in range(targets.shape[1]):
            images = targets[:, time_]
            mean = sum(to_unit(images[part]).sum(0) for part in train.split(AT_ONCE)) / len(train)
            errors = [(to_unit(images[part]) - mean).square().mean((1, 2)) for part in test.split(AT_ONCE)]
            result[f"mean_image@{self.nm[time_]:g}"] = float(torch.cat(errors).mean())
        return result

    def save(self, path: Path) -> None:
        """The average of the weights in 8 bit, and what is kept of the training inputs."""
        networks = Networks(self.average.cpu(), None, self.module.span_head and self.module.span_head.cpu())
        self.data._images = self.images.to("cpu")
        familiar = familiarity(self.data)
        if self.known and familiar:  # the networks have seen both
            familiar = Familiar(torch.cat([self.known.features, familiar.features]), self.known.usual)
        save_weights(path, Trained.of(networks, self.module.config, familiar), eight_bit=True)
