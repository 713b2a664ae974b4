"""The published images and tables."""
