"""Removing events without losing counts."""
