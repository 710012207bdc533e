"""Telemetry of a server: metrics, log, traces."""
