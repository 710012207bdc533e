"""Metrics: what they are called and mean, how those of several processes become one, and the text for Prometheus."""
