"""A crystal seen along a zone axis."""

from __future__ import annotations

from lacbed_gan.diffraction.net import Net

__all__ = ["Net"]
