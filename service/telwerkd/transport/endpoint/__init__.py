"""Addresses that a server listens on, and the client of a health check."""
