"""Telwerk: exact KPI counters for live-chat customer service, over gRPC."""
