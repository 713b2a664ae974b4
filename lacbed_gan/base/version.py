"""Which version of the program this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def program_version() -> str:
    """That of the installed package."""
    try:
        return version("lacbed_gan")
    except PackageNotFoundError:  # run from a checkout that was never installed
        return "uninstalled"
