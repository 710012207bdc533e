"""Answers that are kept up to date."""
