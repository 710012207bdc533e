"""Where a server listens, and how it is asked there whether it serves."""
