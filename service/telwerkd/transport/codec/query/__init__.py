"""Queries, and what they are answered with."""
