"""The errors that a user can mend; every room has its own children of the one here."""


class UserError(ValueError):
    """What a user can mend: the message is one line with the place, the reason and the remedy."""


class SettingsError(UserError):
    """A setting that cannot be used; the message names it, its value and what is allowed."""
