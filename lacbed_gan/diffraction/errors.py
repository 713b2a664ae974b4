"""What a calculation cannot be made for."""

from lacbed_gan.base.errors import UserError


class CalculationError(UserError):
    """A crystal or a setting that no pattern can be computed for; the message is one line that names the reason."""
