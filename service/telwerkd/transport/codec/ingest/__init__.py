"""Batches of events, and the verdicts on them."""
