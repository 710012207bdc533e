"""Adapters that store events, conversation states and counters in a relational database."""
