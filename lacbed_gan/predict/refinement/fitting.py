"""Least squares: the values at which a model leaves least of the measured images."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from lacbed_gan.predict.refinement.model import Model

Array = NDArray[np.float64]
TOLERANCE = 1e-4  # relative change of the sum of squares, or of the parameters, at which a fit ends
MOST = 12  # steps of a fit


def fitted(
    model: Model,
    start: Array,
    better: Callable[[float, Array], object] = lambda share, values: None,
    *,
    most: int = MOST,
    tolerance: float = TOLERANCE,
) -> Array:
    """Values of least squares, by the steps of Levenberg and Marquardt within bounds.

    Args:
        start: (J,) values.
        better: is given the share of variance left and the values of each step that makes it smaller.
        most: steps.
        tolerance: relative change at which the fit ends.
    """
    low, high = (np.array([getattr(p, end) for p in model.parameters]) for end in ("low", "high"))
    best = np.inf

    def residuals(values: Array) -> Array:
        nonlocal best
        result = model.residuals(values)
        share = float((result**2).mean())
        if share < best:
            best = share
            better(share, values)
        return result

    result = least_squares(
        residuals,
        np.clip(start, low + 1e-6, high - 1e-6),
        model.jacobian,
        bounds=(low, high),
        x_scale=np.array([10 * p.step for p in model.parameters]),
        ftol=tolerance,
        xtol=tolerance,
        max_nfev=most,
    )
    return np.asarray(result.x)
