"""Telwerk's benchmarks: `make bench`, `python -m benchmarks --help`. What they measure: docs/performance.md."""
