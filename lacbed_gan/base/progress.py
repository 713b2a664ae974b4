"""How far a long calculation is: a bar in a terminal, a line now and then in a file."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
LOG_EVERY = 30.0  # seconds between two lines in a file


def progress(items: Iterable[Item], total: int, done: int = 0) -> Iterator[Item]:
    """Pass crystals on and show how many of `total` are done, crystals per second and the time left.

    Args:
        done: how many were done before this began.
    """
    if sys.stdout.isatty():
        return iter(Bar(items, total=total, initial=done, smoothing=0.02, file=sys.stdout, bar_format=Bar.FORMAT))
    return _logged(items, total, done)


class Bar(tqdm):  # type: ignore[misc]  # tqdm says nothing of its types
    """A bar that says crystals per second however few they are."""

    FORMAT = "{percentage:3.0f}% {bar} {n_fmt} of {total_fmt} crystals, {speed} crystals/s, {remaining} left"

    @property
    def format_dict(self) -> dict[str, Any]:
        values = super().format_dict
        rate = values["rate"] or (values["n"] - values["initial"]) / max(values["elapsed"], 1e-3)
        return values | {"speed": f"{rate:.2g}"}


def _logged(items: Iterable[Item], total: int, done: int) -> Iterator[Item]:
    began = said = time.monotonic()
    for number, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if now - said >= LOG_EVERY:
            said = now
            rate = number / (now - began)
            left = tqdm.format_interval((total - done - number) / rate)
            print(f"{done + number} of {total} crystals, {rate:.2g} crystals/s, {left} left", flush=True)
