"""Metrics: their catalogue, the merging of several processes' readings, and the exposition to Prometheus."""
