"""How far a long calculation is: a bar in a terminal, a line now and then in a file."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
LOG_EVERY = 30.0  # seconds between two lines in a file
LINE = "{n_fmt} of {total_fmt} crystals, {rate_fmt}, {remaining} left"


def progress(items: Iterable[Item], total: int, done: int = 0) -> Iterator[Item]:
    """Pass crystals on and show how many of `total` are done, how fast it goes and the time left.

    Args:
        done: how many were done before this began.
    """
    if sys.stdout.isatty():
        bar = "{percentage:3.0f}% {bar} " + LINE
        yield from tqdm(
            items, total=total, initial=done, smoothing=0.02, file=sys.stdout, bar_format=bar, unit="crystal"
        )
        return
    began = last = time.monotonic()
    for number, item in enumerate(items, done + 1):
        yield item
        now = time.monotonic()
        if now - last >= LOG_EVERY:
            last = now
            line = tqdm.format_meter(number, total, now - began, bar_format=LINE, unit="crystal", initial=done)
            print(line, flush=True)
