"""Trained networks for a user's own crystals and patterns."""
