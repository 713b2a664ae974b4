"""What each command can be told, as typed values: one schema a command, which says what is allowed."""
