"""Telwerk's benchmarks: `python -m benchmarks --help`, or `make bench`. What they measure stands in docs/performance.md."""
