"""Colours of images and of lines in figures."""

from __future__ import annotations

COLOUR_MAP = "cividis"  # the same to readers with and without colour vision
DIFFERENCE_MAP = "viridis"
# Okabe and Ito's colours, told apart with every kind of colour vision: test, train, and what comes after.
LINE_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
