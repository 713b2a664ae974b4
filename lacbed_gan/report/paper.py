"""What Webb, Beanland and Römer print (arXiv 2503.02852), as numbers to stand beside one's own."""

from __future__ import annotations

from typing import Any

# (direction, thickness in nm, split) → what is given: the mean MSE, its standard error, the two as they are printed
# (in 10⁻⁴), and the least share of images below BELOW. What is absent here is not in the paper.
MEASURES: dict[tuple[str, float, str], dict[str, Any]] = {
    ("forward", 50, "test"): {"mse": 8.15e-4, "mse_standard_error": 0.04e-4, "printed": "8.15(4)"},
    ("forward", 50, "train"): {"mse": 4.773e-4, "mse_standard_error": 0.009e-4, "printed": "4.773(9)"},
    ("inverse", 50, "test"): {"mse": 2.5e-4, "printed": "2.5", "below": 0.5},
    ("inverse", 100, "test"): {"mse": 2.3e-4, "printed": "2.3", "below": 0.5},
    ("inverse", 150, "test"): {"mse": 2.4e-4, "printed": "2.4", "below": 0.5},
    ("inverse", 200, "test"): {"mse": 2.4e-4, "printed": "2.4", "below": 0.5},
}
BELOW = 1e-4  # the MSE that the share of images is counted below
SECONDS = 0.020  # a pattern, by the network on a GPU

# Everything printed, as it is printed: quantity, value, remark.
PRINTED = (
    ("forward, 50 nm, test MSE", "8.15(4)·10⁻⁴", "figure 4 prints 0.00815, a misprint of 8.15·10⁻⁴"),
    ("forward, 50 nm, training MSE", "4.773(9)·10⁻⁴", "“500 nm” in figure 3 is a misprint of 500 Å = 50 nm"),
    ("forward, R", "mean 0.966, median 0.993", "figure 1; the thickness is not given"),
    ("inverse, mean MSE", "2.5, 2.3, 2.4, 2.4 ·10⁻⁴", "at 50, 100, 150, 200 nm; no standard errors"),
    ("inverse, images with MSE below 10⁻⁴", "more than half", "at all thicknesses; no number is given"),
    ("time of a pattern, network", "20 ms", "on a GPU"),
    ("time of a pattern, FELIX", "200–400 s", ""),
)
