"""Decoding of queries, and encoding of their answers."""
