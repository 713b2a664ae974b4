"""Where the time of training goes: ``python -m lacbed_gan.train profile=true``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.profilers import PyTorchProfiler
from torch.profiler import schedule

from lacbed_gan.base.files import write_atomically

WAIT, WARM_UP, STEPS = 3, 2, 12  # the first steps of a run tune themselves
ROWS = 80


class StepProfiler(PyTorchProfiler):
    """Profiles a dozen steps of training; writes profile.txt, a table by operation, and profile.json, a trace.

    The trace is for chrome://tracing. Lightning profiles validation too, which is left out.
    """

    def __init__(self, folder: Path):
        self.table = folder / "profile.txt"
        plan = schedule(wait=WAIT, warmup=WARM_UP, active=STEPS, repeat=1)
        super().__init__(schedule=plan, on_trace_ready=self._write, acc_events=True)

    def _write(self, profiler: Any) -> None:
        if not self.table.exists():
            profiler.export_chrome_trace(str(self.table.with_suffix(".json")))
            key = "cuda_time_total" if torch.cuda.is_available() else "cpu_time_total"
            table = profiler.key_averages().table(sort_by=key, row_limit=ROWS, max_name_column_width=100)
            write_atomically(self.table, f"{STEPS} steps of training\n{table}\n")

    def summary(self) -> str:
        """Nothing for Lightning to print at the end."""
        return ""
