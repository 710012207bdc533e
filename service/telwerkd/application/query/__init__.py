"""Queries: from the question to the answer, in stages."""
