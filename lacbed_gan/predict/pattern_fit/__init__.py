"""ρ fitted to the pattern that it was predicted from, with no crystal known."""
