"""What cannot be predicted, and what is said of answers that are doubted."""

from __future__ import annotations

import warnings
from typing import Any

from lacbed_gan.base.errors import UserError


class PredictionError(UserError):
    """What cannot be predicted: one line with reason and remedy."""


class TrustWarning(UserWarning):
    """An input unlike the training data, or an answer that physics contradicts."""


def warned(prediction: Any) -> Any:
    """The prediction, with its lines as warnings of the code that asked for it."""
    for line in prediction.warnings:
        warnings.warn(line, TrustWarning, stacklevel=3)
    return prediction
