"""A server from its settings: wiring, background work, worker processes."""
