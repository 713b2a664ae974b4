"""A page for the lab, served to this computer alone: ``python -m lacbed_gan.app``."""
