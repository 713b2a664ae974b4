"""The thickness, vibration and geometry of a known crystal, fitted to its patterns."""
