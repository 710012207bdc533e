"""Faults in the real program, one after the other, and a table of what came of each (docs/reliability.md)."""
