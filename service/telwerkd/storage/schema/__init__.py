"""The tables, and their versions."""
