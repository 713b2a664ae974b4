"""What every room uses: messages, files that are whole or not there, locks, progress."""
