"""The commands: settings, checks, and what each does."""
