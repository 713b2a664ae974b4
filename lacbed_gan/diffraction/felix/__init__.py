"""FELIX's own numbers, a truncated calculation: cubic crystals along [001] only."""
