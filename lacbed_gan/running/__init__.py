"""A run: its folder, what it records, how it goes on."""
