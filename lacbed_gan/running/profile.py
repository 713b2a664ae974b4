"""Where the time of training goes: ``python -m lacbed_gan.train profile=true``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from torch.profiler import ProfilerActivity, profile, schedule

from lacbed_gan.base.files import write_atomically

WAIT, WARM_UP, STEPS = 3, 2, 12  # the first steps of a run tune themselves
ROWS = 40


class Profile(Callback):
    """Profiles a dozen steps; writes profile.txt (a table by operation) and profile.json (for chrome://tracing)."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.profiler: Any = None

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if torch.cuda.is_available() else [])]
        plan = schedule(wait=WAIT, warmup=WARM_UP, active=STEPS, repeat=1)
        self.profiler = profile(activities=activities, schedule=plan, on_trace_ready=self._write)
        self.profiler.start()

    def on_train_batch_end(self, trainer: Trainer, module: LightningModule, *rest: Any) -> None:
        self.profiler.step()

    def teardown(self, trainer: Trainer, module: LightningModule, stage: str) -> None:
        if self.profiler is not None and stage == "fit":
            self.profiler.stop()
            self.profiler = None

    def _write(self, profiler: profile) -> None:
        key = "self_cuda_time_total" if torch.cuda.is_available() else "self_cpu_time_total"
        table = profiler.key_averages().table(sort_by=key, row_limit=ROWS)
        write_atomically(self.folder / "profile.txt", f"{STEPS} steps of training\n{table}\n")
        profiler.export_chrome_trace(str(self.folder / "profile.json"))
