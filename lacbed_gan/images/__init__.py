"""Grey images: scaling, origin, and measured files."""
