"""Keeping events, snapshots and counters in a relational database."""
