"""Which crystal gave a pattern, and how thick it is: known structures, ranked by the exact calculation."""
